import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { askServers } from './ask.ts';
import type { KafkaAddress } from './servers.ts';

export interface TestKafka {
  brokers: string[];
  /** Nobody else's, empty. */
  topic: string;
}

/** The run's broker, and in it a fresh topic. */
export async function testKafka(options: { partitions?: number } = {}): Promise<TestKafka> {
  const { brokers } = await askServers<KafkaAddress>('/kafka');
  const topic = `test.${randomBytes(8).toString('hex')}`;
  const admin = new Kafka({ clientId: 'recant-test', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: options.partitions ?? 8 }], waitForLeaders: true });
  } finally {
    await admin.disconnect();
  }
  return { brokers, topic };
}
