import { SHARDS_DEFAULT, shardOf } from '@recant/events';
import type { Message, Producer } from 'kafkajs';
import { RecantError } from '../error.ts';
import type { KafkaTransportOptions } from './options.ts';

const REQUEST_TIMEOUT_MS = 15_000;

/** Loads kafkajs at the first use. Rejects with RecantError `options_invalid` if it is not installed. */
export async function connectProducer(options: KafkaTransportOptions): Promise<Producer> {
  const { Kafka, logLevel } = await import('kafkajs').catch((cause: unknown) => {
    throw new RecantError('options_invalid', 'kafkaTransport needs kafkajs: run "npm install kafkajs".', { cause });
  });
  const kafka = new Kafka({
    clientId: options.clientId ?? 'recant-sdk',
    brokers: [...options.brokers],
    requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    logLevel: logLevel.NOTHING,
    // The outbox retries, with the same bytes and without a limit.
    retry: { retries: 1 },
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
  });
  const producer = kafka.producer({
    createPartitioner: () => partitioner(options),
    allowAutoTopicCreation: false,
    idempotent: false,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return producer;
}

/** Partitions by shard; in a topic with fewer partitions a source still maps to one partition. */
function partitioner({ tenant = 'default', shards = SHARDS_DEFAULT }: KafkaTransportOptions) {
  return (at: { partitionMetadata: readonly unknown[]; message: Message }): number =>
    shardOf(tenant, String(at.message.key), shards) % at.partitionMetadata.length;
}
