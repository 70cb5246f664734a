import { createProducer, ensureTopic, KafkaError, readOffsetRange, readTopicIdentity } from '@recant/kafka';
import { testKafka } from '@recant/test-support';
import { expect, test } from 'vitest';

test('splits messages over several requests, and rejects a message too large for any request', async () => {
  const kafka = await testKafka({ partitions: 1 });
  const producer = await createProducer(kafka);
  const value = new Uint8Array(65_000);
  await producer.send(Array.from({ length: 40 }, () => ({ partition: 0, value, headers: {} })));
  await expect(producer.send([{ partition: 0, value: new Uint8Array(1_000_000), headers: {} }])).rejects.toMatchObject({
    code: 'message_too_large',
  });
  await producer.close();
  expect(await readOffsetRange(kafka, kafka.topic, 0)).toEqual({ low: 0n, high: 40n });
});

test('a topic whose partition count differs from the shard count is rejected', async () => {
  const kafka = await testKafka({ partitions: 3 });
  await ensureTopic(kafka, kafka.topic, 3);
  await expect(ensureTopic(kafka, kafka.topic, 8)).rejects.toThrow(/expected 8 partitions .*, got 3/);
});

test('an unreachable broker is one line that says what to do', async () => {
  const error = await readTopicIdentity({ brokers: ['127.0.0.1:1'] }, 'events').catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(KafkaError);
  expect((error as KafkaError).message).toMatch(/^Kafka at 127\.0\.0\.1:1 is unreachable .*correct KAFKA_BROKERS$/);
});
