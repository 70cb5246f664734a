import {
  BATCH_BYTES_MAX,
  BATCH_EVENTS_MAX,
  HEADER_KEY,
  HEADER_KIND,
  HEADER_MAC,
  HEADER_PART,
  HEADER_SALT,
  joinBatch,
  KAFKA_REQUEST_BYTES_MAX,
  KIND_EVENTS,
  KIND_PART,
  messageMac,
} from '@recant/events';
import type { Message } from 'kafkajs';
import type { Outgoing } from '../transport.ts';

/** Upper limit of the bytes that headers, key and framing add to a value. */
const RECORD_OVERHEAD_BYTES = 1_200;
/** Bytes of the value of a message with several events. */
const VALUE_BYTES_MAX = Math.min(BATCH_BYTES_MAX, KAFKA_REQUEST_BYTES_MAX - RECORD_OVERHEAD_BYTES);

/** The items of one message: a part, or a batch of events with one home shard. */
export type Packed = readonly Outgoing[];

/** Packs what is waiting into messages, in order. @param shardOf home shard of a source */
export function packed(items: readonly Outgoing[], shardOf: (source: string) => number): readonly Packed[] {
  const messages: Outgoing[][] = [];
  let open: { readonly source: string; readonly shard: number; readonly items: Outgoing[]; bytes: number } | undefined;
  for (const item of items) {
    if (item.part !== undefined) {
      open = undefined;
      messages.push([item]);
      continue;
    }
    const { source } = item;
    const shard = open?.source === source ? open.shard : shardOf(source);
    const size = item.bytes.length + 1;
    if (open !== undefined && open.shard === shard && open.bytes + size <= VALUE_BYTES_MAX && open.items.length < BATCH_EVENTS_MAX) {
      open.items.push(item);
      open.bytes += size;
    } else {
      open = { source, shard, items: [item], bytes: size };
      messages.push(open.items);
    }
  }
  return messages;
}

/** @param macSecret of the API key */
export function messageOf(keyId: string, macSecret: Uint8Array, items: Packed): Message {
  const [first] = items as readonly [Outgoing, ...Outgoing[]];
  const { source, part, traceparent } = first;
  const kind = part === undefined ? KIND_EVENTS : KIND_PART;
  const value = part === undefined ? joinBatch(items.map(({ bytes }) => bytes)) : first.bytes;
  return {
    key: source,
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    headers: {
      [HEADER_KEY]: keyId,
      [HEADER_KIND]: kind,
      [HEADER_MAC]: messageMac(macSecret, kind, value),
      ...(part === undefined ? {} : { [HEADER_PART]: part.digest, [HEADER_SALT]: part.salt }),
      ...(traceparent === undefined || items.length > 1 ? {} : { traceparent }),
    },
  };
}

/** Splits messages into requests, in order. Each is at most KAFKA_REQUEST_BYTES_MAX, so no partition's record batch is larger: kafkajs never splits. */
export function* requestsOf(messages: readonly Packed[]): Generator<readonly Packed[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, items] of messages.entries()) {
    const size = items.reduce((sum, item) => sum + item.bytes.length + 1, RECORD_OVERHEAD_BYTES);
    if (index > from && bytes + size > KAFKA_REQUEST_BYTES_MAX) {
      yield messages.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < messages.length) yield messages.slice(from);
}
