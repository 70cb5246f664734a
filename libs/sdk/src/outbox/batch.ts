import type { Outgoing } from '../transport.ts';

/** Limits of one send. */
const SEND_ITEMS_MAX = 500;
const SEND_BYTES_MAX = 1_048_576;

/** The items of one send, starting at `from`: at least one, at most SEND_ITEMS_MAX and SEND_BYTES_MAX. */
export function batchOf<T extends { readonly item: Outgoing }>(queue: readonly T[], from = 0): T[] {
  let bytes = 0;
  let to = from;
  for (; to < queue.length; to += 1) {
    bytes += (queue[to] as T).item.bytes.length + 1;
    if (to > from && (bytes > SEND_BYTES_MAX || to - from === SEND_ITEMS_MAX)) break;
  }
  return queue.slice(from, to);
}
