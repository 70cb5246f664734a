import { randomBytes } from 'node:crypto';
import { ensureTopic } from '@recant/kafka';
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
  await ensureTopic({ brokers }, topic, options.partitions ?? 8);
  return { brokers, topic };
}
