import { BATCH_EVENTS_MAX, countLines, HEADER_KIND, KIND_EVENTS } from '@recant/events';
import type { KafkaMessage } from 'kafkajs';
import type { ReceivedMessage } from './message.ts';
import type { FetchedRecord } from './record-set.ts';

/** Messages of one partition that are appended in one transaction, and the offsets they cover: `[from, next)`. */
export interface MessageBatch {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly next: bigint;
  readonly messages: readonly ReceivedMessage[];
}

export interface SliceBounds {
  /** A message has as many as its batch has lines. */
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/**
 * Splits a fetched batch into bounded, contiguous slices: each starts where the previous one ends. Offsets without a message (control records,
 * compaction) belong to the slice before them; the last slice ends at `next`.
 */
export function* slicesOf(
  place: Pick<MessageBatch, 'cluster' | 'topic' | 'partition' | 'from' | 'next'>,
  messages: readonly KafkaMessage[],
  bounds: SliceBounds,
): Generator<MessageBatch> {
  let from = place.from;
  let taken: ReceivedMessage[] = [];
  let events = 0;
  let bytes = 0;
  for (const message of messages) {
    const received = receivedOf(message);
    const own = eventsOf(received);
    if (taken.length > 0 && (events + own > bounds.eventsMax || bytes + received.value.length > bounds.bytesMax)) {
      yield { ...place, from, next: received.offset, messages: taken };
      from = received.offset;
      taken = [];
      events = 0;
      bytes = 0;
    }
    taken.push(received);
    events += own;
    bytes += received.value.length;
  }
  yield { ...place, from, next: place.next, messages: taken };
}

/** A batch with too many lines is refused as a whole: one dead letter. */
function eventsOf({ headers, value }: ReceivedMessage): number {
  if (headers[HEADER_KIND] !== KIND_EVENTS) return 1;
  const lines = countLines(value, BATCH_EVENTS_MAX);
  return lines > BATCH_EVENTS_MAX ? 1 : lines;
}

function receivedOf(message: KafkaMessage): ReceivedMessage {
  const headers: Record<string, string> = {};
  for (const name in message.headers) {
    const value = message.headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name] = first.toString();
  }
  const { undecodable } = message as Partial<FetchedRecord>;
  return { offset: BigInt(message.offset), value: message.value ?? new Uint8Array(0), headers, ...(undecodable && { undecodable }) };
}
