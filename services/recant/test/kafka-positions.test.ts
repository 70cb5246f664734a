import { randomBytes } from 'node:crypto';
import { OPERATOR_TENANT } from '@recant/events';
import { createProducer, readTopicIdentity } from '@recant/kafka';
import { createStore } from '@recant/store';
import { testKafka, testLedgerDatabase } from '@recant/test-support';
import { expect, test } from 'vitest';
import { recantHere, temporaryFolder } from './process.ts';

test('I2: a stopped partition is listed with its reason, and a person adopts another position, as an act', async () => {
  const [kafka, database, folder] = await Promise.all([testKafka({ partitions: 2 }), testLedgerDatabase(), temporaryFolder()]);
  const { topic, brokers } = kafka;
  const producer = await createProducer(kafka);
  await producer.send(['a', 'b', 'c'].map((text) => ({ partition: 0, value: Buffer.from(text), headers: {} })));
  await producer.close();
  const store = createStore({ connectionString: database.url, masterKey: randomBytes(32) });
  const cluster = await readTopicIdentity(kafka, topic);
  await store.positions.adopt(topic, { cluster: 'before/recreated', partition: 0, next: 1n }, undefined);
  await store.positions.adopt(topic, { cluster, partition: 1, next: 0n }, undefined);
  const letter = { credential: undefined, bytes: Buffer.from('x'), origin: `kafka:${topic}/0/1` };
  await store.appender.append([letter], { cluster: 'before/recreated', topic, partition: 0, from: 1n, next: 2n });
  const env = { DATABASE_URL: database.url, KAFKA_BROKERS: brokers.join(',') };
  const run = (...args: string[]) => recantHere(folder.path, ['kafka', ...args, '--topic', topic], undefined, undefined, { env });

  const listed = await run('positions');
  expect(listed, listed.err).toMatchObject({
    code: 0,
    out: expect.stringMatching(/stopped[\s\S]*before\/recreated, connected to [\s\S]*adopt PARTITION/),
  });
  const { items } = JSON.parse((await run('positions', '--json')).out);
  expect(items).toMatchObject([
    { partition: 0, next: '2', low: '0', high: '3', problem: expect.stringContaining('recreated') },
    { partition: 1, next: '0', lag: '0' },
  ]);
  expect(await run('adopt', '0', '--from', '4', '--reason', 'a test')).toMatchObject({
    code: 2,
    err: expect.stringContaining('from 0 to 3'),
  });
  expect(await run('adopt', '7', '--from', 'latest', '--reason', 'a test')).toMatchObject({ code: 2 });
  const adopted = await run('adopt', '0', '--from', 'earliest', '--reason', 'the disk failed');
  expect(adopted, adopted.err).toMatchObject({
    code: 0,
    out: expect.stringMatching(/read on from offset 0[\s\S]*from offset 2 on, of before\/recreated/),
  });
  expect((await store.positions.read(topic))[0]).toEqual({ cluster, partition: 0, next: 0n });
  expect(JSON.parse((await run('adopt', '0', '--from', '2', '--reason', 'a test', '--json')).out).unread).toEqual({
    cluster,
    from: '0',
    through: '1',
  });
  expect(JSON.parse((await run('adopt', '0', '--from', '1', '--reason', 'a test', '--json')).out).unread).toBeUndefined();
  const acts = JSON.stringify((await store.queries.acts(OPERATOR_TENANT, { limit: 10 })).events, (_key, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  expect(acts).toContain('"operation":"adoptKafkaPosition"');
  expect(acts).toContain('the disk failed');
  expect(acts).toContain('"unread":{"cluster":"before/recreated","from":"2"}');
  expect(acts).toMatch(/"unread":\{"cluster":"[^"]*","from":"0","through":"1"\}/);
  await store.close();
  await database.drop();
  await folder.remove();
});
