import { KAFKA_REQUEST_BYTES_MAX } from '@recant/events';
import { CompressionTypes, type Message, Partitioners } from 'kafkajs';
import { type ConnectionOptions, connectionOf } from './connection.ts';
import { KafkaError } from './error.ts';
import { explainRefusal } from './explain-refusal.ts';
import type { OutgoingMessage } from './message.ts';

/** Bytes that a record adds to its value: headers, lengths, offsets. */
const RECORD_OVERHEAD_BYTES = 400;

export interface EventProducer {
  /** Resolves when all in-sync replicas have the messages. Calls are serialised: order within a partition is the order of calls. */
  send(messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

/** Sends in bounded requests. A failed send may have reached the broker: send the same messages again, the ledger recognises duplicates. */
export async function createProducer(options: ConnectionOptions & { topic: string }): Promise<EventProducer> {
  const producer = connectionOf(options).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
  });
  try {
    await producer.connect();
  } catch (cause) {
    throw explainRefusal(cause, options);
  }
  let last: Promise<unknown> = Promise.resolve();
  const sendAll = async (messages: readonly OutgoingMessage[]) => {
    for (const round of roundsOf(messages)) {
      await producer.sendBatch({
        acks: -1,
        compression: CompressionTypes.None,
        topicMessages: [{ topic: options.topic, messages: round }],
      });
    }
  };
  return {
    send(messages) {
      const sent = last.then(() => sendAll(messages));
      last = sent.catch(() => {});
      return sent;
    },
    async close() {
      await last;
      await producer.disconnect();
    },
  };
}

/** Requests in order, each with at most KAFKA_REQUEST_BYTES_MAX a partition: kafkajs never splits. @throws KafkaError `message_too_large` */
function* roundsOf(messages: readonly OutgoingMessage[]): Generator<Message[]> {
  let round: Message[] = [];
  let bytes = new Map<number, number>();
  for (const { partition, value, headers } of messages) {
    const size = value.length + RECORD_OVERHEAD_BYTES;
    if (size > KAFKA_REQUEST_BYTES_MAX)
      throw new KafkaError(
        'message_too_large',
        `message too large: expected at most ${KAFKA_REQUEST_BYTES_MAX - RECORD_OVERHEAD_BYTES} bytes, got ${value.length}`,
      );
    if ((bytes.get(partition) ?? 0) + size > KAFKA_REQUEST_BYTES_MAX) {
      yield round;
      round = [];
      bytes = new Map();
    }
    bytes.set(partition, (bytes.get(partition) ?? 0) + size);
    round.push({ partition, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength), headers: { ...headers } });
  }
  if (round.length > 0) yield round;
}
