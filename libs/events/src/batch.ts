import { EventError } from './error.ts';
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from './limits.ts';

/** A batch: canonical events, each on a line. LF ends every line but the last, where it may be absent, so that the bytes of one event are a batch of one. */
export type SplitBatch =
  | { readonly ok: true /** Views into the given bytes, in order; at least one. */; readonly events: readonly Uint8Array[] }
  | { readonly ok: false; readonly code: 'batch_empty' | 'batch_too_long'; readonly detail: string };

/** Canonical JSON escapes it, so no event contains one. */
const LINE_FEED = 0x0a;

/**
 * Splits a batch into its lines without changing a byte. Size and number are checked first (BATCH_BYTES_MAX, BATCH_EVENTS_MAX). `decodeEvent` checks each line,
 * its length included, so that a bad line does not affect the others. Never throws.
 */
export function splitBatch(bytes: Uint8Array): SplitBatch {
  if (bytes.length > BATCH_BYTES_MAX)
    return tooLong(`The batch is too large: expected at most ${BATCH_BYTES_MAX} bytes, got ${bytes.length}.`);
  if (lengthOf(bytes) === 0)
    return { ok: false, code: 'batch_empty', detail: 'The batch is empty: expected at least one event, each on a line.' };
  const events: Uint8Array[] = [];
  for (const line of linesOf(bytes)) {
    if (events.length === BATCH_EVENTS_MAX) return tooLong(`The batch has too many lines: expected at most ${BATCH_EVENTS_MAX} events.`);
    events.push(line);
  }
  return { ok: true, events };
}

/** Number of lines; counting stops above `max`. */
export function countLines(bytes: Uint8Array, max: number): number {
  const end = lengthOf(bytes);
  let count = 1;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1 && at < end && count <= max; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

/**
 * The bytes of a batch; those of a single event as they are. The caller keeps to BATCH_BYTES_MAX and BATCH_EVENTS_MAX.
 * @param events canonical bytes of each, at least one. @throws EventError `not_canonical` for bytes with a line feed, which would be two lines
 */
export function joinBatch(events: readonly Uint8Array[]): Uint8Array {
  if (events.some((event) => event.includes(LINE_FEED)))
    throw new EventError('not_canonical', 'An event of the batch contains a line feed: encode it with `encodeEvent`.');
  const [first] = events;
  if (first === undefined) throw new RangeError('expected at least one event in a batch');
  if (events.length === 1) return first;
  const batch = new Uint8Array(events.reduce((size, event) => size + event.length + 1, -1)).fill(LINE_FEED);
  let at = 0;
  for (const event of events) {
    batch.set(event, at);
    at += event.length + 1;
  }
  return batch;
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  const end = lengthOf(bytes);
  for (let from = 0; from <= end; ) {
    const found = bytes.indexOf(LINE_FEED, from);
    const to = found === -1 || found > end ? end : found;
    yield bytes.subarray(from, to);
    from = to + 1;
  }
}

/** Bytes without the LF that may end the last line. */
function lengthOf(bytes: Uint8Array): number {
  return bytes[bytes.length - 1] === LINE_FEED ? bytes.length - 1 : bytes.length;
}

function tooLong(detail: string): SplitBatch {
  return { ok: false, code: 'batch_too_long', detail };
}
