import { eventMac, HEADER_KEY, HEADER_KIND, HEADER_MAC, HEADER_PART, HEADER_SALT, MEDIA_TYPE_EVENT } from '@recant/events';
import type { Message } from 'kafkajs';
import type { Outgoing } from '../transport.ts';

/** Bytes of one request. kafkajs never splits, and a broker refuses a record batch over 1 MB (`max.message.bytes`) as a whole. */
const REQUEST_BYTES_MAX = 900_000;
/** Upper limit of the bytes that headers, key and framing add to a value. */
const RECORD_OVERHEAD_BYTES = 1_200;

export function messageOf(keyId: string, macSecret: Uint8Array, { bytes, source, part, traceparent }: Outgoing): Message {
  return {
    key: source,
    value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    headers: {
      [HEADER_KEY]: keyId,
      [HEADER_MAC]: eventMac(macSecret, bytes),
      ...(part === undefined
        ? { 'content-type': MEDIA_TYPE_EVENT }
        : { [HEADER_KIND]: 'part', [HEADER_PART]: part.digest, [HEADER_SALT]: part.salt }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/** Splits items into requests, in order. Each is at most REQUEST_BYTES_MAX, so no partition's record batch is larger. */
export function* requestsOf(items: readonly Outgoing[]): Generator<readonly Outgoing[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, { bytes: value }] of items.entries()) {
    const size = value.length + RECORD_OVERHEAD_BYTES;
    if (index > from && bytes + size > REQUEST_BYTES_MAX) {
      yield items.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < items.length) yield items.slice(from);
}
