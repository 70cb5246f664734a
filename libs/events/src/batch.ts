import { type Refused, refuse } from './guard/event.ts';
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from './limits.ts';

export type SplitBatch =
  | { readonly ok: true /** Views into the given bytes, in order. */; readonly items: readonly Uint8Array[] }
  | Refused;

/**
 * Splits a JSON array into its items without changing a byte. It matches only brackets and strings: `decodeEvent` checks each item, so that an
 * invalid item does not affect the others. Never throws, never recurses.
 */
export function splitBatch(bytes: Uint8Array): SplitBatch {
  if (bytes.length > BATCH_BYTES_MAX)
    return refuse('too_large', `The batch is too large: expected at most ${BATCH_BYTES_MAX} bytes, got ${bytes.length}.`);
  const end = skipSpaceBack(bytes, bytes.length);
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== 0x5b || bytes[end - 1] !== 0x5d || end - start < 2)
    return refuse('malformed_json', 'A batch must be a JSON array of events.');
  if (skipSpace(bytes, start + 1) === end - 1) return { ok: true, items: [] };
  const items: Uint8Array[] = [];
  let from = start + 1;
  while (from < end) {
    const to = itemEnd(bytes, from, end - 1);
    if (to === undefined) return refuse('malformed_json', 'The brackets or quotes of the batch do not match.');
    const first = skipSpace(bytes, from);
    if (first >= to) return refuse('malformed_json', `Item ${items.length} of the batch is empty.`);
    if (items.length === BATCH_EVENTS_MAX)
      return refuse('too_large', `The batch has too many events: expected at most ${BATCH_EVENTS_MAX}.`);
    items.push(bytes.subarray(first, skipSpaceBack(bytes, to)));
    from = to + 1;
  }
  return { ok: true, items };
}

/** End of the item that starts at `from`: a comma outside strings and brackets, or the array's closing bracket at `last`. */
function itemEnd(bytes: Uint8Array, from: number, last: number): number | undefined {
  let depth = 0;
  for (let index = from; index <= last; index += 1) {
    const byte = bytes[index];
    if (byte === 0x22) {
      index = stringEnd(bytes, index);
    } else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      if (depth === 0) return index === last ? index : undefined;
      depth -= 1;
    } else if (byte === 0x2c && depth === 0) return index;
  }
  return undefined;
}

/** Index of the closing quote of the string that starts at `index`; `bytes.length` if there is none. */
function stringEnd(bytes: Uint8Array, index: number): number {
  for (let at = index + 1; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === 0x5c) at += 1;
    else if (byte === 0x22) return at;
  }
  return bytes.length;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
function skipSpace(bytes: Uint8Array, index: number): number {
  let at = index;
  while (isSpace(bytes[at])) at += 1;
  return at;
}
function skipSpaceBack(bytes: Uint8Array, index: number): number {
  let at = index;
  while (at > 0 && isSpace(bytes[at - 1])) at -= 1;
  return at;
}
