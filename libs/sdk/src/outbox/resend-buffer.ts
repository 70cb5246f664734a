import type { Outgoing, SendResult } from '../transport.ts';
import { batchOf } from './batch.ts';

/** An acknowledged event or part, with the bytes that were sent. */
export interface AcknowledgedItem {
  readonly id: string;
  readonly item: Outgoing;
  /** From 1, in the order of acknowledgement. */
  readonly number: number;
}

export interface ResendBufferOptions {
  readonly resendEventsMax: number;
  readonly resendBytesMax: number;
  /** Called when an item is dropped before it is covered: once, until the next `cover`. */
  readonly onUncoveredDropped: () => void;
}

/**
 * Acknowledged items of one source, to be sent again if the ledger is restored from an older copy.
 * K1 Contiguous, oldest first: only the oldest item is ever dropped.
 * K2 Memory is bounded. Items are dropped when the space is needed, not when they are covered: an epoch is opened because covered items were lost too.
 * K3 A resend that was started runs to the end of the buffer before newer events are sent.
 */
export class ResendBuffer {
  private readonly options: ResendBufferOptions;
  private readonly items: AcknowledgedItem[] = [];
  private bytes = 0;
  private count = 0;
  private covered = 0;
  private reported = false;
  /** Id of the last dropped event; undefined if none was dropped, or if the ledger turned out to lack it. */
  private lastDropped: string | undefined;
  /** Index of the next item to send again; undefined while no resend is running. */
  private next: number | undefined;

  constructor(options: ResendBufferOptions) {
    this.options = options;
  }

  /** The newest event in the buffer. */
  get lastEvent(): AcknowledgedItem | undefined {
    return this.items.findLast(isEvent);
  }
  /** Id of the acknowledged event that the ledger must have before the next one is sent. */
  get after(): string | undefined {
    const before = this.next === undefined ? this.lastEvent : this.items.slice(0, this.next).findLast(isEvent);
    return before?.id ?? this.lastDropped;
  }
  /** Ids of items still to be sent again. */
  get pending(): readonly string[] {
    return this.next === undefined ? [] : this.items.slice(this.next).map(({ id }) => id);
  }

  add(id: string, item: Outgoing): void {
    this.count += 1;
    this.items.push({ id, item, number: this.count });
    this.bytes += item.bytes.length;
    while (this.items.length > this.options.resendEventsMax || this.bytes > this.options.resendBytesMax) this.dropOldest();
  }

  private dropOldest(): void {
    const oldest = this.items.shift() as AcknowledgedItem;
    this.bytes -= oldest.item.bytes.length;
    if (isEvent(oldest)) this.lastDropped = oldest.id;
    if (this.next !== undefined) this.next = this.items.length === 0 ? undefined : Math.max(0, this.next - 1);
    if (oldest.number <= this.covered || this.reported) return;
    this.reported = true;
    this.options.onUncoveredDropped();
  }

  /** Marks all items up to `number` as covered. */
  cover(number: number): void {
    this.covered = Math.max(this.covered, number);
    this.reported = false;
  }

  /** Starts a resend from the oldest item, unless one is running. */
  startResend(): void {
    this.covered = 0;
    if (this.items.length > 0) this.next ??= 0;
  }

  /**
   * The ledger lacks `after`: restarts the resend from the oldest item.
   * @returns id of an event that the ledger lacks and that is no longer buffered; the resend continues without it
   */
  startResendBehind(): string | undefined {
    this.covered = 0;
    if (this.items.length > 0 && this.next !== 0) {
      this.next = 0;
      return undefined;
    }
    const lost = this.lastDropped;
    this.lastDropped = undefined;
    return lost;
  }

  /** The next batch to send again; undefined if there is none. */
  batch(): readonly AcknowledgedItem[] | undefined {
    return this.next === undefined ? undefined : batchOf(this.items, this.next);
  }

  /** @param results of the batch returned last. @returns the items that the ledger refuses now; they are removed */
  onResent(results: readonly SendResult[]): readonly AcknowledgedItem[] {
    const from = this.next as number;
    const batch = this.items.slice(from, from + results.length);
    const refused = batch.filter((_, index) => results[index]?.kind === 'refused');
    const acknowledged = batch.filter((_, index) => results[index]?.kind === 'acknowledged');
    this.items.splice(from, batch.length, ...acknowledged);
    for (const { item } of refused) this.bytes -= item.bytes.length;
    const next = from + acknowledged.length;
    this.next = next < this.items.length ? next : undefined;
    return refused;
  }
}

function isEvent({ item }: AcknowledgedItem): boolean {
  return item.part === undefined;
}
