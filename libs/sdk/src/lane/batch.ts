import type { Outgoing } from '../transport.ts';

/** Items and bytes of one send. */
const SEND_ITEMS_MAX = 500;
const SEND_BYTES_MAX = 1_048_576;

/** What goes out at once: from `from` on as much as one send takes, at least one. */
export function batchOf<T extends { readonly item: Outgoing }>(queue: readonly T[], from = 0): T[] {
  let bytes = 0;
  let to = from;
  for (; to < queue.length; to += 1) {
    bytes += (queue[to] as T).item.bytes.length + 1;
    if (to > from && (bytes > SEND_BYTES_MAX || to - from === SEND_ITEMS_MAX)) break;
  }
  return queue.slice(from, to);
}
