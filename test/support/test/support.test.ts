import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { testDatabase, testKafka, testLedgerDatabase, waitUntil } from '../src/index.ts';

test('each test database is new and empty', async () => {
  await using one = await testDatabase();
  await using two = await testDatabase();
  const client = new pg.Client({ connectionString: one.ownerUrl });
  await client.connect();
  await client.query('CREATE TABLE mine (id int)');
  await client.end();
  const other = new pg.Client({ connectionString: two.ownerUrl });
  await other.connect();
  await expect(other.query('SELECT * FROM mine')).rejects.toMatchObject({ code: '42P01' });
  await other.end();
});

test('a database with open connections can be dropped', async () => {
  const database = await testDatabase();
  const client = new pg.Client({ connectionString: database.url });
  const ended = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await database.drop();
  await ended;
  await expect(new pg.Client({ connectionString: database.url }).connect()).rejects.toMatchObject({ code: '3D000' });
});

test('no connection to the process of the test run is kept for a worker that may be too busy to see its end', async () => {
  const { headers } = await fetch(inject('recantServers'));
  expect(headers.get('connection')).toBe('close');
});

test('a new topic has the requested partitions and no message', async () => {
  const { brokers, topic } = await testKafka({ partitions: 3 });
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  expect(offsets.map(({ high }) => high)).toEqual(['0', '0', '0']);
});

test('waiting returns the value of the condition, or its last error after the timeout', async () => {
  let asked = 0;
  expect(await waitUntil(() => (++asked > 2 ? 'third' : undefined))).toBe('third');
  const failing = waitUntil(() => Promise.reject(new Error('missing')), { timeoutMs: 50, what: 'a value' });
  await expect(failing).rejects.toMatchObject({ message: 'Timed out after 50 ms waiting for a value', cause: { message: 'missing' } });
});

test('ledger databases are copies of a template that is migrated once', async () => {
  const databases = await Promise.all([testLedgerDatabase(), testLedgerDatabase()]);
  for (const database of databases) {
    const client = new pg.Client({ connectionString: database.ownerUrl });
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS migrations FROM _prisma_migrations WHERE finished_at IS NOT NULL');
    await client.end();
    expect(rows[0].migrations).toBeGreaterThan(0);
    await database.drop();
  }
});
