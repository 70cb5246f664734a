import { randomBytes } from 'node:crypto';
import { ensureTopic } from '@recant/kafka';
import { Kafka, logLevel } from 'kafkajs';
import { askServers } from './ask.ts';
import type { KafkaAddress } from './servers.ts';
import { waitUntil } from './wait-until.ts';

export interface TestKafka {
  brokers: string[];
  /** New and empty. */
  topic: string;
}

/** The broker of the test run, with a new topic. */
export async function testKafka(options: { partitions?: number } = {}): Promise<TestKafka> {
  const { brokers } = await askServers<KafkaAddress>('/kafka');
  const topic = `test.${randomBytes(8).toString('hex')}`;
  await ensureTopic({ brokers }, topic, options.partitions ?? 8);
  // A partition has a leader before the leader has its log.
  const admin = new Kafka({ clientId: 'recant-test', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await waitUntil(() => admin.fetchTopicOffsets(topic), { what: 'the partitions to exist' }).finally(() => admin.disconnect());
  return { brokers, topic };
}
