import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { type ApiKey, parseApiKey, shardOf } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { headOriginOf, originOf } from '@recant/ledger';
import { type TestDatabase, testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { Frontier, parseCheckpoint, parseNote, parseVerifierKey, verifyCheckpoint } from '@recant/transparency';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../src/signing-keys.ts';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

const LEDGER = 'example.org';
const keys = parseSigningKeys(newSigningKey(LEDGER), 'a test');
const timing = { integrateMs: 20, publishMs: 20, anchorMs: 50, headMs: 100 };
const masterKey = new Uint8Array(32).fill(3);

/** Two sources in different logs. */
const source = new TestSource('a');
const shard = shardOf(TENANT, source.source, SHARDS);
let other = new TestSource('b');
while (shardOf(TENANT, other.source, SHARDS) === shard) other = new TestSource('b');

let dir: string;
let database: TestDatabase;
let ledger: RunningLedger;
const start = (databaseUrl: string) => startLedger({ databaseUrl, masterKey, evidence: { keys, anchors: [folderAnchor(dir)], timing } });
const checkpoint = async (of = shard) =>
  (await ledger.store.published.checkpoint({ tenant: TENANT, shard: of })) as NonNullable<
    Awaited<ReturnType<RunningLedger['store']['published']['checkpoint']>>
  >;
/** Sends one event, and waits until it is anchored. */
async function sendAnchored(from: TestSource): Promise<void> {
  const { status, body } = await ledger.post(from.intended().bytes);
  expect(status).toBe(201);
  const log = { tenant: TENANT, shard: shardOf(TENANT, from.source, SHARDS) };
  await waitUntil(async () => {
    const note = await folderAnchor(dir).latest(originOf(LEDGER, log, (await checkpoint(log.shard))?.epoch ?? 1));
    return note !== undefined && parseCheckpoint(parseNote(note).text).size > BigInt(body.index as number);
  });
}
async function asSuperuser(...statements: readonly [string, unknown[]?][]): Promise<void> {
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  // Triggers are ENABLE ALWAYS: even a superuser has to disable them by name.
  for (const table of ['entry', 'log', 'tile', 'checkpoint']) await client.query(`ALTER TABLE recant.${table} DISABLE TRIGGER ALL`);
  // In one transaction, or a concurrent check would report a half-made change.
  await client.query('BEGIN');
  for (const [text, values] of statements) await client.query(text, values);
  await client.query('COMMIT');
  for (const table of ['entry', 'log', 'tile', 'checkpoint'])
    await client.query(`ALTER TABLE recant.${table} ENABLE ALWAYS TRIGGER ALL`).catch(() => {});
  await client.end();
}
const headsAnchored = async (): Promise<bigint> => {
  const note = await folderAnchor(dir).latest(headOriginOf(LEDGER));
  return note === undefined ? 0n : parseCheckpoint(parseNote(note).text).size;
};
async function query(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  const { rows } = await client.query(text, [shard]);
  await client.end();
  return rows;
}
const refused = async (rule: string): Promise<void> => {
  const last = async () => ledger.post(source.intended().bytes);
  // Anchors are compared after the commit: no append waits for one.
  const { status, body, headers } = rule.includes('anchor')
    ? await waitUntil(async () => {
        const answer = await last();
        return answer.status === 201 ? undefined : answer;
      })
    : await last();
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'ledger_tampered' });
  expect(body.detail).toContain(rule);
  expect(body.action).toContain('recant verify');
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  const alarm = ledger.log.find((line) => line.alarm === 'ledger_tampered');
  expect(alarm).toMatchObject({ tenant: TENANT, shard, rule: expect.stringContaining(rule) });
  await waitUntil(async () => (await ledger.owner.healthDetails()).checks?.evidence?.status === 'degraded');
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recant-anchor-'));
  database = await testLedgerDatabase();
  ledger = await start(database.url);
});
afterEach(async () => {
  await ledger.stop();
  await database.drop();
  await rm(dir, { recursive: true });
});

test('an older database copy signs nothing, and accepts nothing once an anchor has answered, until an operator opens an epoch', async () => {
  await sendAnchored(source);
  await sendAnchored(other);
  await ledger.stop();
  const owner = new pg.Client({ connectionString: new URL('/postgres', database.ownerUrl).href });
  await owner.connect();
  // A backend can outlive its connection by seconds on a busy machine.
  await waitUntil(() => owner.query(`CREATE DATABASE ${database.name}_old TEMPLATE ${database.name}`));
  const headsBefore = await headsAnchored();
  ledger = await start(database.url);
  await sendAnchored(source);
  await waitUntil(async () => (await headsAnchored()) > headsBefore);
  await ledger.stop();

  const old = new URL(database.url);
  old.pathname = `/${database.name}_old`;
  ledger = await start(old.href);
  const before = await checkpoint();
  await refused('anchor');
  await sendAnchored(other);
  expect(await checkpoint()).toEqual(before);

  const open = (reason: string) =>
    ledger.post(JSON.stringify({ reason }), { path: `/v1/tlog/${shard}/epochs`, type: 'application/json', key: operatorKey });
  const operatorKey = (await ledger.makeKey({ roles: ['administer'], agents: [] })).apiKey;
  const opened = await open('the disk of the database died, restored from the backup of the night');
  expect(opened).toMatchObject({ status: 201, body: { shard, epoch: 2, origin: `${LEDGER}/${TENANT}/${shard}/e2` } });
  expect(await open('again')).toMatchObject({ status: 409, body: { code: 'epoch_not_needed' } });
  await sendAnchored(source);
  const after = await checkpoint();
  expect(after.epoch).toBe(2);
  verifyCheckpoint(after.note, {
    origin: `${LEDGER}/${TENANT}/${shard}/e2`,
    logKeys: keys.signers.map(({ vkey }) => parseVerifierKey(vkey)),
  });
  // Heads continue in a new epoch as well.
  await waitUntil(async () => (await folderAnchor(dir).latest(headOriginOf(LEDGER, 2))) !== undefined);
  await waitUntil(async () => (await ledger.operator.health()).status === 'ok');
  expect(await ledger.audit()).toEqual([]);
  await ledger.stop();
  ledger = await start(database.url);
  // The newer database no longer matches the anchors: of two ledgers with one name, only one continues.
  await refused('epoch_behind_anchor');
  await owner.query(`DROP DATABASE ${database.name}_old WITH (FORCE)`);
  await owner.end();
});

test.each([
  ['size_mismatch', 'DELETE FROM recant.entry WHERE shard = $1 AND idx = (SELECT max(idx) FROM recant.entry WHERE shard = $1)'],
  [
    'size_mismatch',
    'INSERT INTO recant.entry (tenant_id, shard, idx, leaf, frame) SELECT tenant_id, shard, idx + 100, leaf, frame FROM recant.entry WHERE shard = $1 AND idx = 1',
  ],
  [
    'leaf_mismatch',
    "UPDATE recant.entry SET frame = frame || ' ' WHERE shard = $1 AND idx = (SELECT max(idx) FROM recant.entry WHERE shard = $1)",
  ],
  ['frontier_differs', 'UPDATE recant.log SET root = sha256(root) WHERE shard = $1'],
  ['frontier_differs', 'UPDATE recant.log SET frontier = substr(frontier, 33) WHERE shard = $1'],
  ['log_differs_from_checkpoint', 'UPDATE recant.checkpoint SET root = sha256(root) WHERE shard = $1'],
])('%s: a superuser’s change is detected before the next append: %s', async (rule, statement) => {
  await sendAnchored(source);
  await sendAnchored(source);
  await ledger.stop();
  await asSuperuser([statement, [shard]]);
  ledger = await start(database.url);
  await refused(rule);
  expect((await ledger.post(other.intended().bytes)).status).toBe(201);
});

test('I4: Kafka messages of a tampered log are held, others of their partition are recorded, and nothing is lost', async () => {
  await sendAnchored(source);
  await ledger.stop();
  const kafka = { ...(await testKafka({ partitions: SHARDS })), groupId: `test-${randomUUID()}` };
  const [root] = (await query('SELECT root FROM recant.log WHERE shard = $1')) as [{ root: Buffer }];
  await asSuperuser(['UPDATE recant.log SET root = sha256(root) WHERE shard = $1', [shard]]);
  ledger = await startLedger({ databaseUrl: database.url, masterKey, kafka, evidence: { keys, anchors: [folderAnchor(dir)], timing } });
  const rival = parseApiKey((await ledger.makeKey({ tenant: 'rival' })).apiKey) as ApiKey;
  const producer = await createProducer(kafka);
  const waiting = [source.intended(), source.intended()];
  let beside = new TestSource('beside');
  while (shardOf('rival', beside.source, SHARDS) !== shard) beside = new TestSource('beside');
  const taken = beside.intended();
  await producer.send([
    ...waiting.map(({ bytes }) => batchMessage(ledger.agentApiKey, shard, bytes)),
    { partition: shard, value: Buffer.from('unsigned'), headers: {} },
    batchMessage(rival, shard, taken.bytes),
  ]);
  const actions = async (tenant: string) =>
    (await ledger.store.queries.attempts(tenant, { selection: {}, limit: 100, nowMs: 0 })).attempts.map(({ ref }) => ref.action);
  await waitUntil(async () => (await actions('rival')).includes(taken.action));
  await waitUntil(async () => (await ledger.owner.healthDetails()).checks?.kafka?.detail?.includes(`wait for the log ${TENANT}/${shard}`));
  expect(await actions(TENANT)).not.toContain(waiting[0]?.action);
  await asSuperuser(['UPDATE recant.log SET root = $2 WHERE shard = $1', [shard, root.root]]);
  for (const { action } of waiting) await waitUntil(async () => (await actions(TENANT)).includes(action));
  const { sources } = await ledger.store.queries.sources(TENANT, { limit: 10, nowMs: 0 });
  expect(sources.find((each) => each.source === source.source)).toMatchObject({ late: 0, repeated: 0 });
  await waitUntil(async () => (await ledger.owner.healthDetails()).checks?.kafka?.status === 'ok');
  await producer.close();
});

test('missing tiles are derived again', async () => {
  await sendAnchored(source);
  await ledger.stop();
  await asSuperuser(['DELETE FROM recant.tile WHERE shard = $1', [shard]]);
  ledger = await start(database.url);
  await sendAnchored(source);
  expect((await ledger.owner.healthDetails()).checks?.evidence).toEqual({ status: 'ok' });
});

/** As a copy from before would have it. */
async function truncate(): Promise<void> {
  const frontier = Frontier.empty();
  const { rows } = await ledger.store.pool.query('SELECT leaf FROM recant.entry WHERE shard = $1 ORDER BY idx LIMIT 3', [shard]);
  frontier.append(rows.map(({ leaf }) => leaf));
  await asSuperuser(
    ['DELETE FROM recant.entry WHERE shard = $1 AND idx >= 3', [shard]],
    ['DELETE FROM recant.tile WHERE shard = $1', [shard]],
    ['DELETE FROM recant.checkpoint WHERE shard = $1', [shard]],
    ['UPDATE recant.log SET size = 3, root = $2, frontier = $3 WHERE shard = $1', [shard, frontier.root(), frontier.serialize()]],
  );
}

test('a truncated log with a matching head and tree is detected against the anchor at run time', async () => {
  for (let n = 0; n < 3; n += 1) await sendAnchored(source);
  await truncate();
  await waitUntil(() => ledger.log.some(({ alarm }) => alarm === 'ledger_tampered'));
  await refused('log_behind_anchor');
  expect(await checkpoint()).toBeUndefined();
});

test('a replica opens the epoch of a log that another one found set back, however recently it read the anchors itself', async () => {
  const never = { integrateMs: 1e9, publishMs: 1e9, anchorMs: 1e9, headMs: 1e9 };
  const anchors = [folderAnchor(dir)];
  const replica = await startLedger({ databaseUrl: database.url, masterKey, evidence: { keys, anchors, timing: never } });
  try {
    const key = (await replica.makeKey({ roles: ['administer'], agents: [] })).apiKey;
    const body = JSON.stringify({ reason: 'restored from the backup of the night' });
    const open = () => replica.post(body, { path: `/v1/tlog/${shard}/epochs`, type: 'application/json', key });
    await sendAnchored(source);
    expect(await open()).toMatchObject({ status: 409, body: { code: 'epoch_not_needed' } });
    for (let n = 0; n < 2; n += 1) await sendAnchored(source);
    await truncate();
    await waitUntil(() => ledger.log.some(({ alarm }) => alarm === 'ledger_tampered'));
    expect(await open()).toMatchObject({ status: 201, body: { shard, epoch: 2 } });
    await waitUntil(async () => (await ledger.post(source.intended().bytes)).status === 201);
  } finally {
    await replica.stop();
  }
});
