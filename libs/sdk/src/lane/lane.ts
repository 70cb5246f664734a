import { type EventOf, type EventType, encodeEvent, formatSequence, type RecantEvent } from '@recant/events';
import { RecantError } from '../error.ts';
import { type Outgoing, type SendResult, type Transport, TransportError } from '../transport.ts';
import { backoffMs, pause } from './backoff.ts';

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
  /** Told of every event that the ledger refused. */
  readonly onRefused: (id: string, refusal: SendResult & { readonly kind: 'refused' }) => void;
}

export type Draft = { readonly [T in EventType]: Pick<EventOf<T>, 'type' | 'id' | 'data' | 'traceparent' | 'tracestate'> }[EventType];

/** Items and bytes of one send. */
const SEND_ITEMS_MAX = 500;
const SEND_BYTES_MAX = 1_048_576;

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
 */
export class Lane {
  private readonly options: LaneOptions;
  private readonly waiting: Waiting[] = [];
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
  }

  /** Count of answers so far: grows while the ledger is alive. */
  get answered(): number {
    return this.answers;
  }
  /** Ids of events without an answer, oldest first. */
  get pending(): readonly string[] {
    return this.waiting.map(({ id }) => id);
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
    for (let failures = 0; this.waiting.length > 0 && !signal.aborted; ) {
      const batch = this.nextBatch();
      let results: readonly SendResult[];
      try {
        results = await this.options.transport.send(
          batch.map(({ item }) => item),
          signal,
        );
        if (results.length !== batch.length)
          throw new TransportError(`the transport gave ${results.length} results for ${batch.length} items`);
      } catch (error) {
        this.lastError = error;
        failures += 1;
        const askedMs = error instanceof TransportError ? error.retryAfterMs : 0;
        await pause(backoffMs(failures, (this.options.random(1)[0] as number) / 256, askedMs), signal);
        continue;
      }
      if (signal.aborted) break;
      failures = 0;
      this.settle(batch, results);
    }
    // In the same turn as the last look at `waiting`: what is queued from now on starts a pump of its own.
    this.pumping = undefined;
  }

  private nextBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { item } of this.waiting) {
      bytes += item.bytes.length + 1;
      if (count > 0 && (bytes > SEND_BYTES_MAX || count === SEND_ITEMS_MAX)) break;
      count += 1;
    }
    return this.waiting.slice(0, count);
  }

  private settle(batch: readonly Waiting[], results: readonly SendResult[]): void {
    this.waiting.splice(0, batch.length);
    for (const [index, { id, item, resolve }] of batch.entries()) {
      const result = results[index] as SendResult;
      this.bytes -= item.bytes.length;
      this.answers += 1;
      if (result.kind === 'refused') this.options.onRefused(id, result);
      resolve(result);
    }
    this.wakeRoom();
  }

  private wakeRoom(): void {
    for (const wake of this.roomWaiters.splice(0)) wake();
  }
}
