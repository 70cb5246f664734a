import { randomBytes } from 'node:crypto';
import { type TestDatabase, testDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataKeys, localMasterKey, type PostgresDataKeysOptions, postgresDataKeys, prepareDataKeys } from '../src/index.ts';

const MASTER = new Uint8Array(32).fill(1);
const NEXT_MASTER = new Uint8Array(32).fill(2);
const AT_MS = Date.UTC(2026, 0, 2);

let database: TestDatabase;
let opened: DataKeys[];
beforeEach(async () => {
  database = await testDatabase();
  await prepareDataKeys(database.ownerUrl, new URL(database.url).username);
  opened = [];
});
afterEach(async () => {
  for (const dataKeys of opened) await dataKeys.close();
  await database.drop();
});

function dataKeysWith(masters: readonly [Uint8Array, ...Uint8Array[]] = [MASTER], over: Partial<PostgresDataKeysOptions> = {}): DataKeys {
  const options = { connectionString: database.url, masterKey: localMasterKey(masters), clock: () => AT_MS };
  const dataKeys = postgresDataKeys({ ...options, ...over });
  opened.push(dataKeys);
  return dataKeys;
}

async function sql(text: string, values: unknown[] = [], url = database.ownerUrl): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

test('a key is found by its id, in its tenant only', async () => {
  const dataKeys = dataKeysWith();
  const made = await dataKeys.make('acme', 'customer/42');
  expect(made.key).toHaveLength(32);
  expect(await dataKeysWith().find('acme', made.keyId)).toEqual({ kind: 'found', subject: 'customer/42', key: Buffer.from(made.key) });
  expect(await dataKeys.find('other', made.keyId)).toEqual({ kind: 'unknown' });
  expect(await dataKeys.find('acme', '0'.repeat(32))).toEqual({ kind: 'unknown' });
});

test('each call makes a new key, even for the same subject', async () => {
  const dataKeys = dataKeysWith();
  const made = await Promise.all(Array.from({ length: 20 }, () => dataKeys.make('acme', 's')));
  expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(20);
  expect(new Set(made.map(({ key }) => Buffer.from(key).toString('hex'))).size).toBe(20);
});

test('no key is stored unwrapped', async () => {
  const { key } = await dataKeysWith().make('acme', 's');
  const { rows } = await sql('SELECT wrapped FROM recant_keys.data_key');
  expect(rows).toHaveLength(1);
  expect(rows[0].wrapped.includes(key)).toBe(false);
});

test('destroy ends the keys of one subject of one tenant, once, and records the time', async () => {
  const dataKeys = dataKeysWith();
  const [one, two, others, foreign] = await Promise.all([
    dataKeys.make('acme', 's'),
    dataKeys.make('acme', 's'),
    dataKeys.make('acme', 'other'),
    dataKeys.make('rival', 's'),
  ]);
  expect(await dataKeys.destroy('acme', 's')).toBe(2);
  expect(await dataKeys.destroy('acme', 's')).toBe(0);
  for (const { keyId } of [one, two])
    expect(await dataKeys.find('acme', keyId)).toEqual({ kind: 'destroyed', subject: 's', destroyedAtMs: AT_MS });
  expect(await dataKeys.find('acme', others.keyId)).toMatchObject({ kind: 'found' });
  expect(await dataKeys.find('rival', foreign.keyId)).toMatchObject({ kind: 'found' });
  const { rows } = await sql('SELECT count(wrapped)::int AS wrapped, count(*)::int AS rows FROM recant_keys.data_key');
  expect(rows).toEqual([{ wrapped: 2, rows: 4 }]);
  // A subject can get a new key afterwards.
  expect(await dataKeys.find('acme', (await dataKeys.make('acme', 's')).keyId)).toMatchObject({ kind: 'found' });
});

test('a wrapped key that was modified, or moved to another subject, cannot be unwrapped', async () => {
  const dataKeys = dataKeysWith();
  const [mine, theirs] = [await dataKeys.make('acme', 'mine'), await dataKeys.make('acme', 'theirs')];
  await sql('UPDATE recant_keys.data_key SET wrapped = (SELECT wrapped FROM recant_keys.data_key WHERE key_id = $1) WHERE key_id = $2', [
    mine.keyId,
    theirs.keyId,
  ]);
  await expect(dataKeys.find('acme', theirs.keyId)).rejects.toMatchObject({ code: 'wrapped_broken' });
  await sql(
    'UPDATE recant_keys.data_key SET wrapped = set_byte(wrapped, length(wrapped) - 1, 255 - get_byte(wrapped, length(wrapped) - 1)) WHERE key_id = $1',
    [mine.keyId],
  );
  await expect(dataKeys.find('acme', mine.keyId)).rejects.toMatchObject({ code: 'wrapped_broken' });
  await sql("UPDATE recant_keys.data_key SET wrapped = '\\x01' WHERE key_id = $1", [mine.keyId]);
  await expect(dataKeys.find('acme', mine.keyId)).rejects.toMatchObject({ code: 'wrapped_broken' });
});

test('rotation: the new master key wraps, the old one unwraps until rewrap is complete', async () => {
  const old = await dataKeysWith([MASTER]).make('acme', 's');
  const both = dataKeysWith([NEXT_MASTER, MASTER]);
  const young = await both.make('acme', 's');
  expect(await both.find('acme', old.keyId)).toMatchObject({ key: Buffer.from(old.key) });
  await expect(dataKeysWith([NEXT_MASTER]).find('acme', old.keyId)).rejects.toMatchObject({ code: 'master_key_unknown' });
  expect(await both.rewrap()).toBe(1);
  expect(await both.rewrap()).toBe(0);
  const alone = dataKeysWith([NEXT_MASTER]);
  for (const { keyId, key } of [old, young]) expect(await alone.find('acme', keyId)).toMatchObject({ key: Buffer.from(key) });
});

test('rewrap covers more than one page, and never restores a destroyed key', async () => {
  const before = dataKeysWith([MASTER]);
  for (let n = 0; n < 12; n += 1) await Promise.all(Array.from({ length: 100 }, (_, at) => before.make('acme', `s${at % 10}`)));
  const both = dataKeysWith([NEXT_MASTER, MASTER]);
  const [, destroyed] = await Promise.all([both.rewrap(), both.destroy('acme', 's3')]);
  expect(destroyed).toBe(120);
  await both.rewrap();
  const { rows } = await sql("SELECT count(*) FILTER (WHERE wrapped IS NULL)::int AS gone FROM recant_keys.data_key WHERE subject = 's3'");
  expect(rows).toEqual([{ gone: 120 }]);
  expect(await dataKeysWith([NEXT_MASTER]).rewrap()).toBe(0);
});

test('an external key management service can implement MasterKey', async () => {
  const held = new Map<string, readonly [Uint8Array, string]>();
  const elsewhere = {
    wrap: async (key: Uint8Array, context: string) => {
      const reference = randomBytes(8).toString('hex');
      held.set(reference, [Uint8Array.from(key), context]);
      return Buffer.from(reference);
    },
    unwrap: async (wrapped: Uint8Array, context: string) => {
      const [key, bound] = held.get(Buffer.from(wrapped).toString()) ?? [];
      if (key === undefined || bound !== context) throw new Error('not mine');
      return key;
    },
    isCurrent: () => true,
  };
  const dataKeys = dataKeysWith([MASTER], { masterKey: elsewhere });
  const made = await dataKeys.make('acme', 's');
  expect(await dataKeys.find('acme', made.keyId)).toMatchObject({ kind: 'found', key: new Uint8Array(made.key) });
});

test('a separate service login adds and destroys keys, and cannot delete or move a row', async () => {
  await dataKeysWith().make('acme', 's');
  for (const text of ['DELETE FROM recant_keys.data_key', "UPDATE recant_keys.data_key SET subject = 'x'", 'TRUNCATE recant_keys.data_key'])
    await expect(sql(text, [], database.url)).rejects.toMatchObject({ code: '42501' });
});

test('preparing twice or concurrently changes nothing; without the right it says what to do', async () => {
  const made = await dataKeysWith().make('acme', 's');
  await Promise.all([prepareDataKeys(database.ownerUrl), prepareDataKeys(database.ownerUrl), prepareDataKeys(database.url)]);
  expect(await dataKeysWith().find('acme', made.keyId)).toMatchObject({ kind: 'found' });
  await using bare = await testDatabase();
  await expect(prepareDataKeys(bare.url)).rejects.toMatchObject({ code: 'unprepared' });
  await Promise.all([prepareDataKeys(bare.ownerUrl), prepareDataKeys(bare.ownerUrl)]);
  await prepareDataKeys(bare.ownerUrl, new URL(bare.url).username);
  const dataKeys = dataKeysWith([MASTER], { connectionString: bare.url });
  await dataKeys.ping();
});
