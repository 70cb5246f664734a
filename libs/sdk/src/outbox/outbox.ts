import { type EventOf, type EventType, encodeEvent, formatSequence, type RecantEvent } from '@recant/events';
import { RecantError } from '../error.ts';
import { KeyRefused, type Outgoing, type SendResult, SourceBehind, type Transport, TransportError } from '../transport.ts';
import { backoffMs, pause } from './backoff.ts';
import { batchOf } from './batch.ts';
import { Coverage } from './coverage.ts';
import { KeyWatch } from './key-watch.ts';
import { ResendBuffer } from './resend-buffer.ts';
import { lostBefore, refusedOnResend, uncoveredDropped } from './restored-ledger.ts';

/** The answer to an event. `abandoned`: the outbox was stopped before an answer arrived. */
export type Delivery = SendResult | { readonly kind: 'abandoned' };

export interface OutboxOptions {
  readonly transport: Transport;
  readonly source: string;
  readonly agent: string;
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** Events that may be unacknowledged before a new action is refused. */
  readonly queueEventsMax: number;
  readonly queueBytesMax: number;
  /** Acknowledged events and parts that are buffered for resending. */
  readonly resendEventsMax: number;
  readonly resendBytesMax: number;
  /** Called for every event that the ledger refuses. */
  readonly onRefused: (id: string, refusal: SendResult & { readonly kind: 'refused' }) => void;
  /** Called when the ledger starts to refuse the key. */
  readonly onKeyRefused: (refusal: KeyRefused) => void;
  /** Called for acknowledged events that a restored ledger lacks, or that could not be sent again to one. */
  readonly onProblem: (problem: RecantError) => void;
}

export type Draft = { readonly [T in EventType]: Pick<EventOf<T>, 'type' | 'id' | 'data' | 'traceparent' | 'tracestate'> }[EventType];

interface Queued {
  readonly id: string;
  readonly item: Outgoing;
  readonly resolve: (delivery: Delivery) => void;
}

/**
 * The ordered outbox of one source.
 * L1 An event gets its sequence number when it is queued, consecutive from 1; an event that cannot be encoded consumes none.
 * L2 One send at a time; events queued meanwhile form the next batch. So events arrive in sequence order.
 * L3 A repeated send has the same bytes.
 * L4 Memory is bounded: at the limit `checkCapacity` refuses new actions and `waitForCapacity` delays effects; only settlements of running actions may exceed it.
 * L5 A refused key loses nothing: events stay queued and are sent in order under the next key.
 * L6 Acknowledged events are buffered within bounds, and are sent again before newer ones if the ledger turns out to lack them.
 */
export class Outbox {
  private readonly options: OutboxOptions;
  private readonly queued: Queued[] = [];
  private readonly resendBuffer: ResendBuffer;
  private readonly coverage: Coverage;
  readonly key: KeyWatch;
  private readonly stopping = new AbortController();
  private bytes = 0;
  private sequence = 0;
  private answers = 0;
  private sending: Promise<void> | undefined;
  private capacityWaiters: (() => void)[] = [];
  /** Error of the last failed send. */
  lastError: unknown;

  constructor(options: OutboxOptions) {
    this.options = options;
    const { transport, resendEventsMax, resendBytesMax, onProblem } = options;
    // Without `durability` nothing would ever trigger a resend.
    const canAsk = transport.durability !== undefined;
    this.resendBuffer = new ResendBuffer({
      resendEventsMax: canAsk ? resendEventsMax : 0,
      resendBytesMax,
      onUncoveredDropped: () => {
        if (canAsk) onProblem(uncoveredDropped(options));
      },
    });
    this.coverage = new Coverage(options, this.resendBuffer);
    this.key = new KeyWatch(options.onKeyRefused);
  }

  /** Number of answers so far: increases while the ledger is reachable. */
  get answered(): number {
    return this.answers;
  }
  /** Ids of events without an answer, oldest first. */
  get pending(): readonly string[] {
    return [...this.resendBuffer.pending, ...this.queued.map(({ id }) => id)];
  }
  /** The last error as the end of a message; empty if no send failed. */
  get lastErrorText(): string {
    return this.lastError instanceof Error ? ` Last error: ${this.lastError.message}.` : '';
  }
  get isEmpty(): boolean {
    return this.queued.length === 0;
  }
  private get isFull(): boolean {
    return this.queued.length >= this.options.queueEventsMax || this.bytes >= this.options.queueBytesMax;
  }

  /** @throws RecantError `queue_full` */
  checkCapacity(): void {
    if (!this.isFull) return;
    throw new RecantError(
      'queue_full',
      `The queue is full: ${this.queued.length} events (${this.bytes} bytes) are not acknowledged yet. Try again later.`,
    );
  }

  /** Resolves once the queue is not full, or the outbox is stopped. */
  async waitForCapacity(): Promise<void> {
    while (this.isFull && !this.stopping.signal.aborted) await new Promise<void>((resolve) => this.capacityWaiters.push(resolve));
  }

  /** Queues an event. @throws EventError for an invalid draft, which consumes no sequence number */
  push(draft: Draft): Promise<Delivery> {
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
    return this.enqueue(draft.id, { bytes, source, ...(draft.traceparent === undefined ? {} : { traceparent: draft.traceparent }) });
  }

  pushPart(part: { readonly digest: string; readonly salt: string; readonly bytes: Uint8Array }): Promise<Delivery> {
    const { digest, salt, bytes } = part;
    return this.enqueue(`part.${digest}`, { bytes, source: this.options.source, part: { digest, salt } });
  }

  /** Asks the ledger whether acknowledged events are covered, and resends if an epoch was opened. Never rejects; sends do not wait for it. */
  async checkCoverage(): Promise<void> {
    const epochOpened = await this.coverage.check(this.stopping.signal);
    if (!epochOpened || this.stopping.signal.aborted) return;
    this.resendBuffer.startResend();
    this.sending ??= this.sendAll();
  }

  /** Resolves once the queue is empty. */
  async drained(): Promise<void> {
    while (this.sending !== undefined) await this.sending;
  }

  /** Abandons all queued events, including those being sent now. */
  stop(): void {
    this.stopping.abort();
    for (const { resolve } of this.queued.splice(0)) resolve({ kind: 'abandoned' });
    this.bytes = 0;
    this.wakeCapacityWaiters();
  }

  private enqueue(id: string, item: Outgoing): Promise<Delivery> {
    if (this.stopping.signal.aborted) return Promise.resolve({ kind: 'abandoned' });
    return new Promise((resolve) => {
      this.queued.push({ id, item, resolve });
      this.bytes += item.bytes.length;
      this.sending ??= this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    const { signal } = this.stopping;
    // Events queued in the same turn share a batch.
    await Promise.resolve();
    for (let failures = 0; !signal.aborted; ) {
      const resend = this.resendBuffer.batch();
      const live = resend === undefined ? batchOf(this.queued) : [];
      if (resend === undefined && live.length === 0) break;
      let results: readonly SendResult[];
      try {
        results = await this.send(resend ?? live);
      } catch (error) {
        this.lastError = error;
        failures += 1;
        if (error instanceof SourceBehind) this.onSourceBehind();
        if (error instanceof KeyRefused) this.key.refused(error);
        const askedMs = error instanceof TransportError ? error.retryAfterMs : 0;
        await pause(backoffMs(failures, (this.options.random(1)[0] as number) / 256, askedMs), signal);
        continue;
      }
      if (signal.aborted) break;
      failures = 0;
      this.key.accepted();
      if (resend === undefined) this.onAnswers(live, results);
      else this.onResendAnswers(results);
    }
    // In the same turn as the last read of `queued`: an event queued from now on starts a new loop.
    this.sending = undefined;
  }

  private async send(batch: readonly { readonly item: Outgoing }[]): Promise<readonly SendResult[]> {
    const items = batch.map(({ item }) => item);
    const results = await this.options.transport.send(items, this.stopping.signal, this.resendBuffer.after);
    if (results.length !== items.length)
      throw new TransportError(`the transport returned the wrong number of results: expected ${items.length}, got ${results.length}`);
    return results;
  }

  private onSourceBehind(): void {
    this.coverage.reset();
    const lost = this.resendBuffer.startResendBehind();
    if (lost !== undefined) this.options.onProblem(lostBefore(lost));
  }

  private onAnswers(batch: readonly Queued[], results: readonly SendResult[]): void {
    this.queued.splice(0, batch.length);
    for (const [index, { id, item, resolve }] of batch.entries()) {
      const result = results[index] as SendResult;
      this.bytes -= item.bytes.length;
      this.answers += 1;
      if (result.kind === 'refused') this.options.onRefused(id, result);
      else this.resendBuffer.add(id, item);
      resolve(result);
    }
    this.wakeCapacityWaiters();
  }

  private onResendAnswers(results: readonly SendResult[]): void {
    this.answers += results.length;
    const refused = this.resendBuffer.onResent(results).map(({ id }) => id);
    const refusal = results.find((result) => result.kind === 'refused');
    if (refusal !== undefined) this.options.onProblem(refusedOnResend(refused, refusal));
  }

  private wakeCapacityWaiters(): void {
    for (const wake of this.capacityWaiters.splice(0)) wake();
  }
}
