import type { Outgoing, SendResult } from '../transport.ts';
import { batchOf } from './batch.ts';

/** Something that was acknowledged, as it was sent. */
export interface KeptItem {
  readonly id: string;
  readonly item: Outgoing;
  /** From 1, in the order of acknowledgement. */
  readonly number: number;
}

export interface KeptOptions {
  readonly keptEventsMax: number;
  readonly keptBytesMax: number;
  /** Told once when something is let go that nothing outside the ledger covers, until more is covered again. */
  readonly onUncovered: () => void;
}

/**
 * What one source was acknowledged, to be sent again should the ledger be restored from an older copy.
 * K1 Oldest first, without a hole: what is let go is always the oldest.
 * K2 Memory is bounded. What is covered goes before anything else, and not before the room is needed: a person opens an epoch because even some of
 *    that was lost.
 * K3 What was begun again goes to its end before anything newer is sent.
 */
export class Kept {
  private readonly options: KeptOptions;
  private readonly items: KeptItem[] = [];
  private bytes = 0;
  private count = 0;
  private covered = 0;
  private told = false;
  /** Id of the last event that was let go; undefined where none was, or where the ledger turned out not to have it. */
  private floor: string | undefined;
  /** Place of the next one to be sent again; undefined while none is. */
  private next: number | undefined;

  constructor(options: KeptOptions) {
    this.options = options;
  }

  /** The last event that is kept. */
  get lastEvent(): KeptItem | undefined {
    return this.items.findLast(isEvent);
  }
  /** Id of the acknowledged event that the ledger must have before the next one is sent. */
  get after(): string | undefined {
    const before = this.next === undefined ? this.lastEvent : this.items.slice(0, this.next).findLast(isEvent);
    return before?.id ?? this.floor;
  }
  /** Ids of what is still to be sent again. */
  get pending(): readonly string[] {
    return this.next === undefined ? [] : this.items.slice(this.next).map(({ id }) => id);
  }

  add(id: string, item: Outgoing): void {
    this.count += 1;
    this.items.push({ id, item, number: this.count });
    this.bytes += item.bytes.length;
    while (this.items.length > this.options.keptEventsMax || this.bytes > this.options.keptBytesMax) this.letGo();
  }

  private letGo(): void {
    const oldest = this.items.shift() as KeptItem;
    this.bytes -= oldest.item.bytes.length;
    if (isEvent(oldest)) this.floor = oldest.id;
    if (this.next !== undefined) this.next = this.items.length === 0 ? undefined : Math.max(0, this.next - 1);
    if (oldest.number <= this.covered || this.told) return;
    this.told = true;
    this.options.onUncovered();
  }

  /** Says that everything up to this one is covered. */
  cover(number: number): void {
    this.covered = Math.max(this.covered, number);
    this.told = false;
  }

  /** Begins with the oldest, unless that is under way. */
  again(): void {
    this.covered = 0;
    if (this.items.length > 0) this.next ??= 0;
  }

  /**
   * The ledger does not have `after`: begins with the oldest.
   * @returns id of an event that it does not have and that is not kept any more; what is kept is sent without it.
   */
  behind(): string | undefined {
    this.covered = 0;
    if (this.items.length > 0 && this.next !== 0) {
      this.next = 0;
      return undefined;
    }
    const lost = this.floor;
    this.floor = undefined;
    return lost;
  }

  /** What is to be sent again next; undefined where nothing is. */
  batch(): readonly KeptItem[] | undefined {
    return this.next === undefined ? undefined : batchOf(this.items, this.next);
  }

  /** @param results of the batch that was given last. @returns those that the ledger refuses now; they are let go. */
  sent(results: readonly SendResult[]): readonly KeptItem[] {
    const from = this.next as number;
    const batch = this.items.slice(from, from + results.length);
    const refused = batch.filter((_, at) => results[at]?.kind === 'refused');
    const taken = batch.filter((_, at) => results[at]?.kind === 'acknowledged');
    this.items.splice(from, batch.length, ...taken);
    for (const { item } of refused) this.bytes -= item.bytes.length;
    const next = from + taken.length;
    this.next = next < this.items.length ? next : undefined;
    return refused;
  }
}

function isEvent({ item }: KeptItem): boolean {
  return item.part === undefined;
}
