import { type EventOf, type EventType, encodeEvent, formatSequence, type RecantEvent } from '@recant/events';
import { RecantError } from '../error.ts';
import { KeyRefused, type Outgoing, type SendResult, SourceBehind, type Transport, TransportError } from '../transport.ts';
import { backoffMs, pause } from './backoff.ts';
import { batchOf } from './batch.ts';
import { Coverage } from './coverage.ts';
import { Kept } from './kept.ts';
import { KeyWatch } from './key-watch.ts';
import { lostBefore, refusedAgain, uncovered } from './set-back.ts';

/** What became of an event. `abandoned`: the lane was stopped before an answer came. */
export type Fate = SendResult | { readonly kind: 'abandoned' };

export interface LaneOptions {
  readonly transport: Transport;
  readonly source: string;
  readonly agent: string;
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** Events that may be unacknowledged before a new action is refused. */
  readonly queueEventsMax: number;
  readonly queueBytesMax: number;
  /** Acknowledged events, parts among them, that are kept to be sent again. */
  readonly keptEventsMax: number;
  readonly keptBytesMax: number;
  /** Told of every event that the ledger refused. */
  readonly onRefused: (id: string, refusal: SendResult & { readonly kind: 'refused' }) => void;
  /** Told when the ledger stops to take the key. */
  readonly onKeyRefused: (refusal: KeyRefused) => void;
  /** Told of acknowledged events that a restored ledger does not have, or might not have and then not get. */
  readonly onProblem: (problem: RecantError) => void;
}

export type Draft = { readonly [T in EventType]: Pick<EventOf<T>, 'type' | 'id' | 'data' | 'traceparent' | 'tracestate'> }[EventType];

interface Waiting {
  readonly id: string;
  readonly item: Outgoing;
  readonly resolve: (fate: Fate) => void;
}

/**
 * The ordered queue of one source.
 * L1 An event gets its number when it is queued, dense from 1; one that cannot be encoded takes none.
 * L2 One send at a time; what comes meanwhile is the next batch. So events arrive in the order of their numbers.
 * L3 A repeated send has the same bytes.
 * L4 Memory is bounded: `admit` refuses new actions at the bound, `room` holds back effects; only settlements of what was admitted go over it.
 * L5 A refused key loses nothing: events wait, and go out in their order under the one that comes after it.
 * L6 What was acknowledged is kept within bounds, and goes again before anything newer where the ledger turns out not to have it.
 */
export class Lane {
  private readonly options: LaneOptions;
  private readonly waiting: Waiting[] = [];
  private readonly kept: Kept;
  private readonly coverage: Coverage;
  readonly key: KeyWatch;
  private readonly stopping = new AbortController();
  private bytes = 0;
  private sequence = 0;
  private answers = 0;
  private pumping: Promise<void> | undefined;
  private roomWaiters: (() => void)[] = [];
  /** Why the last send failed, for those who gave up waiting. */
  lastError: unknown;

  constructor(options: LaneOptions) {
    this.options = options;
    const { transport, keptEventsMax, keptBytesMax, onProblem } = options;
    // Who cannot ask would never learn that it is time to send again.
    const none = transport.standing === undefined;
    this.kept = new Kept({
      keptEventsMax: none ? 0 : keptEventsMax,
      keptBytesMax,
      onUncovered: () => {
        if (!none) onProblem(uncovered(options));
      },
    });
    this.coverage = new Coverage(options, this.kept);
    this.key = new KeyWatch(options.onKeyRefused);
  }

  /** Count of answers so far: grows while the ledger is alive. */
  get answered(): number {
    return this.answers;
  }
  /** Ids of events without an answer, oldest first. */
  get pending(): readonly string[] {
    return [...this.kept.pending, ...this.waiting.map(({ id }) => id)];
  }
  /** Why the last send failed, as the end of a message. */
  get whyNot(): string {
    return this.lastError instanceof Error ? ` Last: ${this.lastError.message}.` : '';
  }
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** @throws RecantError `queue_full` */
  admit(): void {
    const { queueEventsMax, queueBytesMax } = this.options;
    if (this.waiting.length < queueEventsMax && this.bytes < queueBytesMax) return;
    throw new RecantError(
      'queue_full',
      `${this.waiting.length} events (${this.bytes} bytes) wait for the ledger: let it catch up, then try again.`,
    );
  }

  /** Resolves once there is room for another chunk of effects, or the lane is stopped. */
  async room(): Promise<void> {
    const full = (): boolean => this.waiting.length >= this.options.queueEventsMax || this.bytes >= this.options.queueBytesMax;
    while (full() && !this.stopping.signal.aborted) await new Promise<void>((resolve) => this.roomWaiters.push(resolve));
  }

  /** Queues an event. @throws EventError where the draft is no event; it takes no number then. */
  push(draft: Draft): Promise<Fate> {
    const { source, agent, clock } = this.options;
    const event = {
      specversion: '1.0',
      source,
      agent,
      time: new Date(clock()).toISOString(),
      sequence: formatSequence(this.sequence + 1),
      ...draft,
    } as RecantEvent;
    const bytes = encodeEvent(event);
    this.sequence += 1;
    return this.queue(draft.id, { bytes, source, ...(draft.traceparent === undefined ? {} : { traceparent: draft.traceparent }) });
  }

  pushPart(part: { readonly digest: string; readonly salt: string; readonly bytes: Uint8Array }): Promise<Fate> {
    const { digest, salt, bytes } = part;
    return this.queue(`part.${digest}`, { bytes, source: this.options.source, part: { digest, salt } });
  }

  /** Asks how safe what was acknowledged is. Never rejects, and no send waits for it. */
  async look(): Promise<void> {
    const opened = await this.coverage.look(this.stopping.signal);
    if (!opened || this.stopping.signal.aborted) return;
    this.kept.again();
    this.pumping ??= this.pump();
  }

  /** Resolves once nothing waits any more. */
  async drained(): Promise<void> {
    while (this.pumping !== undefined) await this.pumping;
  }

  /** Gives up on whatever waits, what is being sent right now included. */
  stop(): void {
    this.stopping.abort();
    for (const { resolve } of this.waiting.splice(0)) resolve({ kind: 'abandoned' });
    this.bytes = 0;
    this.wakeRoom();
  }

  private queue(id: string, item: Outgoing): Promise<Fate> {
    if (this.stopping.signal.aborted) return Promise.resolve({ kind: 'abandoned' });
    return new Promise((resolve) => {
      this.waiting.push({ id, item, resolve });
      this.bytes += item.bytes.length;
      this.pumping ??= this.pump();
    });
  }

  private async pump(): Promise<void> {
    const { signal } = this.stopping;
    // Lets everything that is queued in the same turn go together.
    await Promise.resolve();
    for (let failures = 0; !signal.aborted; ) {
      const again = this.kept.batch();
      const live = again === undefined ? batchOf(this.waiting) : [];
      if (again === undefined && live.length === 0) break;
      let results: readonly SendResult[];
      try {
        results = await this.send(again ?? live);
      } catch (error) {
        this.lastError = error;
        failures += 1;
        if (error instanceof SourceBehind) this.setBack();
        if (error instanceof KeyRefused) this.key.refused(error);
        const askedMs = error instanceof TransportError ? error.retryAfterMs : 0;
        await pause(backoffMs(failures, (this.options.random(1)[0] as number) / 256, askedMs), signal);
        continue;
      }
      if (signal.aborted) break;
      failures = 0;
      this.key.taken();
      if (again === undefined) this.settle(live, results);
      else this.settleAgain(results);
    }
    // In the same turn as the last look at `waiting`: what is queued from now on starts a pump of its own.
    this.pumping = undefined;
  }

  private async send(batch: readonly { readonly item: Outgoing }[]): Promise<readonly SendResult[]> {
    const items = batch.map(({ item }) => item);
    const results = await this.options.transport.send(items, this.stopping.signal, this.kept.after);
    if (results.length !== items.length) throw new TransportError(`the transport gave ${results.length} results for ${items.length} items`);
    return results;
  }

  private setBack(): void {
    this.coverage.forget();
    const lost = this.kept.behind();
    if (lost !== undefined) this.options.onProblem(lostBefore(lost));
  }

  private settle(batch: readonly Waiting[], results: readonly SendResult[]): void {
    this.waiting.splice(0, batch.length);
    for (const [index, { id, item, resolve }] of batch.entries()) {
      const result = results[index] as SendResult;
      this.bytes -= item.bytes.length;
      this.answers += 1;
      if (result.kind === 'refused') this.options.onRefused(id, result);
      else this.kept.add(id, item);
      resolve(result);
    }
    this.wakeRoom();
  }

  private settleAgain(results: readonly SendResult[]): void {
    this.answers += results.length;
    const refused = this.kept.sent(results).map(({ id }) => id);
    const refusal = results.find((result) => result.kind === 'refused');
    if (refusal !== undefined) this.options.onProblem(refusedAgain(refused, refusal));
  }

  private wakeRoom(): void {
    for (const wake of this.roomWaiters.splice(0)) wake();
  }
}
