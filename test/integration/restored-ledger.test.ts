import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { shardOf } from '@recant/events';
import { readOffsetRange } from '@recant/kafka';
import { decodeFrame, originOf } from '@recant/ledger';
import { createRecant, httpTransport, type Recant, type RecantError, type Transport } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import { type TestDatabase, type TestKafka, testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { parseCheckpoint, parseNote } from '@recant/transparency';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../../services/ledger/src/signing-keys.ts';
import { type RunningLedger, SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';

const LEDGER = 'example.org';
const keys = parseSigningKeys(newSigningKey(LEDGER), 'a test');
const timing = { integrateMs: 20, publishMs: 20, anchorMs: 50 };
const masterKey = new Uint8Array(32).fill(3);

let dir: string;
let database: TestDatabase;
let owner: pg.Client;
let ledger: RunningLedger;
/** Acknowledged events, each once, in their first form. */
let acknowledged: string[];
let problems: RecantError[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recant-anchor-'));
  database = await testLedgerDatabase();
  owner = new pg.Client({ connectionString: new URL('/postgres', database.ownerUrl).href });
  await owner.connect();
  acknowledged = [];
  problems = [];
});
afterEach(async () => {
  await ledger.stop();
  await database.drop();
  await owner.query(`DROP DATABASE IF EXISTS ${database.name}_old WITH (FORCE)`);
  await owner.end();
  await rm(dir, { recursive: true });
});

interface Setting {
  readonly kafka?: TestKafka;
  readonly anchored: boolean;
}
/** Replaces the running ledger. */
async function start({ kafka, anchored }: Setting, name = database.name): Promise<void> {
  const url = new URL(database.url);
  url.pathname = `/${name}`;
  ledger = await startLedger({
    ...{ databaseUrl: url.href, masterKey, port: ledger === undefined ? 0 : Number(new URL(ledger.url).port) },
    ...(kafka && { kafka: { ...kafka, groupId: `test-${randomUUID()}` } }),
    ...(anchored && { evidence: { keys, anchors: [folderAnchor(dir)], timing } }),
  });
}
/** Copies the database while the ledger is stopped. */
async function copy(setting: Setting): Promise<void> {
  await ledger.stop();
  // A backend outlives its connection, by seconds on a busy machine.
  await waitUntil(() => owner.query(`CREATE DATABASE ${database.name}_old TEMPLATE ${database.name}`));
  await start(setting);
}
async function restore(setting: Setting, between: () => Promise<void> = async () => {}): Promise<void> {
  await ledger.stop();
  await between();
  await start(setting, `${database.name}_old`);
}

function noting(transport: Transport): Transport {
  const seen = new Set<string>();
  return {
    ...transport,
    async send(items, signal, after) {
      const results = await transport.send(items, signal, after);
      for (const [at, { bytes, part }] of items.entries()) {
        const text = Buffer.from(bytes).toString();
        if (part !== undefined || results[at]?.kind !== 'acknowledged' || seen.has(text)) continue;
        seen.add(text);
        acknowledged.push(text);
      }
      return results;
    },
  };
}
/** By default without a heartbeat: the next event notices the restore. */
async function agent(transport: Transport, leaseMs = 3_600_000): Promise<Recant> {
  const onProblem = (problem: RecantError): void => void problems.push(problem);
  const recant = createRecant({ agent: 'bot', transport: noting(transport), leaseMs, ackTimeoutMs: 60_000, onProblem });
  await recant.open();
  return recant;
}
async function act(recant: Recant, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) await recant.action('t', { n, text: 'x'.repeat(20_000) }, () => {});
}

const shardOfSource = (source: string): number => shardOf(TENANT, source, SHARDS);
/** Events of the source in log order. */
async function recorded(source: string): Promise<string[]> {
  const { rows } = await ledger.store.pool.query(
    `SELECT e.frame FROM recant.entry e JOIN recant.source s USING (tenant_id, source_no) WHERE s.source = $1 ORDER BY e.idx`,
    [source],
  );
  return rows.map(({ frame }) => Buffer.from(decodeFrame(frame)?.body ?? []).toString());
}
/** Waits for all events acknowledged so far; heartbeats continue. */
async function allRecorded(source: string): Promise<void> {
  const due = acknowledged.length;
  await waitUntil(async () => (await recorded(source)).length >= due, { timeoutMs: 90_000 });
}
const anchoredSize = async (source: string): Promise<bigint> => {
  const note = await folderAnchor(dir).latest(originOf(LEDGER, { tenant: TENANT, shard: shardOfSource(source) }, 1));
  return note === undefined ? 0n : parseCheckpoint(parseNote(note).text).size;
};
/** Size of the source's log in the copy: a broker may acknowledge before or after it. */
async function copiedSize(source: string): Promise<bigint> {
  const client = new pg.Client({ connectionString: new URL(`/${database.name}_old`, database.ownerUrl).href });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT size FROM recant.log WHERE tenant_id = $1 AND shard = $2', [TENANT, shardOfSource(source)]);
    return BigInt(rows[0].size);
  } finally {
    await client.end();
  }
}
const alarmed = () => waitUntil(() => ledger.log.some(({ alarm }) => alarm === 'ledger_tampered'));
const openEpoch = (source: string) => ledger.operator.openEpoch(shardOfSource(source), 'the disk died, restored from the night');

async function expectWhole(source: string): Promise<void> {
  expect(await recorded(source)).toEqual(acknowledged);
  const parts = acknowledged.flatMap((text) =>
    [...text.matchAll(/"digest":"([0-9a-f]{64})","salt"/g)].map(([, digest]) => digest as string),
  );
  expect(parts.length).toBeGreaterThan(0);
  for (const digest of parts) expect(await ledger.store.parts.get(TENANT, digest)).toBeDefined();
  expect(problems).toEqual([]);
  expect(await ledger.audit()).toEqual([]);
}

test('I2: an older copy is restored and a person opens the epoch: the running SDK sends again, and each event is recorded once, in order', async () => {
  const setting = { anchored: true };
  await start(setting);
  const { apiKey } = await ledger.makeKey();
  const recant = await agent(httpTransport({ url: ledger.url, apiKey }));
  await act(recant, 5);
  await copy(setting);
  const sizeOfCopy = BigInt(acknowledged.length) + 1n;
  await act(recant, 5);
  // Some of the lost entries were anchored, which reveals the restore.
  await waitUntil(async () => (await anchoredSize(recant.source)) > sizeOfCopy);
  await act(recant, 5);
  await restore(setting);
  const waiting = act(recant, 1);
  await alarmed();
  expect((await recorded(recant.source)).length).toBeLessThan(acknowledged.length);
  const { epoch, start: index } = await openEpoch(recant.source);
  expect({ epoch, index: BigInt(index) }).toEqual({ epoch: 2, index: sizeOfCopy });
  await waiting;
  await act(recant, 2);
  await recant.close();
  await expectWhole(recant.source);
}, 180_000);

test('I2: an older copy that no anchor is ahead of needs no person: lost events are sent again before anything newer', async () => {
  const setting = { anchored: false };
  await start(setting);
  const { apiKey } = await ledger.makeKey();
  const { url } = ledger;
  const recant = await agent(httpTransport({ url, apiKey }));
  await act(recant, 3);
  await copy(setting);
  await act(recant, 3);
  await restore(setting);
  // Other producers may have filled the log meanwhile.
  const other = createRecant({ agent: 'other', url, apiKey });
  await other.open();
  for (let n = 0; n < 20; n += 1) await other.action('t', {}, () => {});
  await act(recant, 1);
  await recant.close();
  await other.close();
  await expectWhole(recant.source);
}, 180_000);

test('I2: over Kafka a restored ledger reads the topic again from the position in the copy, and events that the SDK resends change nothing', async () => {
  const kafka = await testKafka({ partitions: SHARDS });
  const setting = { kafka, anchored: true };
  await start(setting);
  const { apiKey } = await ledger.makeKey();
  const recant = await agent(kafkaTransport({ ...kafka, apiKey, tenant: TENANT, shards: SHARDS, url: ledger.url }), 600);
  await act(recant, 3);
  await allRecorded(recant.source);
  await copy(setting);
  const copied = await copiedSize(recant.source);
  await act(recant, 3);
  await waitUntil(async () => (await anchoredSize(recant.source)) > copied);
  await restore(setting);
  await alarmed();
  await act(recant, 1);
  await openEpoch(recant.source);
  await allRecorded(recant.source);
  await recant.close();
  await allRecorded(recant.source);
  await expectWhole(recant.source);
}, 180_000);

test('over Kafka with a ledger URL, the SDK resends events that the topic no longer has: each event is recorded once', async () => {
  const kafka = await testKafka({ partitions: SHARDS });
  const setting = { kafka, anchored: true };
  await start(setting);
  const { apiKey } = await ledger.makeKey();
  const recant = await agent(kafkaTransport({ ...kafka, apiKey, tenant: TENANT, shards: SHARDS, url: ledger.url }), 600);
  const partition = shardOfSource(recant.source);
  await act(recant, 3);
  await allRecorded(recant.source);
  await copy(setting);
  const copied = await copiedSize(recant.source);
  await act(recant, 3);
  await waitUntil(async () => (await anchoredSize(recant.source)) > copied);
  await restore(setting, () => emptyTopic(kafka, partition));
  await waitUntil(() => ledger.log.some(({ alarm }) => alarm === 'kafka_position'));
  // A person resumes from the topic's first offset.
  const stored = (await ledger.store.positions.read(kafka.topic)).find((position) => position.partition === partition);
  const { low } = await readOffsetRange(kafka, kafka.topic, partition);
  expect(stored?.next).toBeLessThan(low);
  expect(await ledger.store.positions.adopt(kafka.topic, { ...stored, partition, next: low } as never, stored?.next)).toBe(true);
  await openEpoch(recant.source);
  await restore(setting);
  await allRecorded(recant.source);
  await recant.close();
  await allRecorded(recant.source);
  expect((await recorded(recant.source)).toSorted()).toEqual(acknowledged.toSorted());
  expect(problems).toEqual([]);
  expect(await ledger.audit()).toEqual([]);
}, 180_000);

async function emptyTopic({ brokers, topic }: TestKafka, partition: number): Promise<void> {
  const admin = new Kafka({ clientId: 'recant-test', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    // The client knows no topic before it requests metadata.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '-1' }] });
  } finally {
    await admin.disconnect();
  }
}
