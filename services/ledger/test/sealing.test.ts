import { randomBytes } from 'node:crypto';
import type { Client } from '@recant/client';
import { type DataKeys, localMasterKey, postgresDataKeys, prepareDataKeys } from '@recant/data-keys';
import { OPERATOR_TENANT, partDigest, SEAL_NONCE_BYTES, sealPart } from '@recant/events';
import { type TestDatabase, testDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger, TENANT } from './harness.ts';

const PLAIN = Buffer.from('{"to":"ada@example.com"}');
const SUBJECT = 'customer/42 ü';

let keysDatabase: TestDatabase;
let dataKeys: DataKeys;
let ledger: RunningLedger;
let auditor: Client;
beforeAll(async () => {
  keysDatabase = await testDatabase();
  await prepareDataKeys(keysDatabase.ownerUrl, new URL(keysDatabase.url).username);
  dataKeys = postgresDataKeys({ connectionString: keysDatabase.url, masterKey: localMasterKey([randomBytes(32)]) });
  ledger = await startLedger({ dataKeys });
  auditor = ledger.client((await ledger.makeKey({ roles: ['unseal'], agents: [] })).apiKey);
});
afterAll(async () => {
  await ledger.stop();
  await dataKeys.close();
  await keysDatabase.drop();
});

async function keep(bytes: Uint8Array): Promise<string> {
  const salt = randomBytes(16);
  const digest = partDigest(salt, bytes);
  await ledger.agents.putPart(digest, salt.toString('base64url'), bytes);
  return digest;
}

async function keepSealed(subject = SUBJECT): Promise<{ digest: string; keyId: string; bytes: Uint8Array }> {
  const made = await ledger.agents.createDataKey(subject);
  const dataKey = { keyId: made.keyId, key: Buffer.from(made.key, 'base64') };
  const bytes = sealPart(PLAIN, dataKey, made, randomBytes(SEAL_NONCE_BYTES));
  return { digest: await keep(bytes), keyId: made.keyId, bytes };
}

const acts = async (operation: string) => {
  const { items } = await ledger.operator.acts({});
  return items.map(({ event }) => event.data).filter((act) => act.operation === operation);
};

test('an unsealed part is readable with the role view', async () => {
  const digest = await keep(PLAIN);
  const part = await ledger.operator.part(digest);
  expect(part).toMatchObject({ digest, size: PLAIN.length, sealed: false, bytes: PLAIN.toString('base64') });
  expect(partDigest(Buffer.from(part.salt, 'base64url'), Buffer.from(part.bytes, 'base64'))).toBe(digest);
  await expect(auditor.part(digest)).rejects.toMatchObject({ code: 'role_missing' });
  await expect(auditor.unsealPart(digest)).rejects.toMatchObject({ code: 'part_not_sealed' });
});

test('a sealed part is returned sealed, and unsealed only with the role unseal, as an act with digest and subject', async () => {
  const { digest, keyId, bytes } = await keepSealed();
  const kept = await ledger.operator.part(digest);
  expect(kept).toMatchObject({ sealed: true, bytes: Buffer.from(bytes).toString('base64') });
  await expect(ledger.operator.unsealPart(digest)).rejects.toMatchObject({ code: 'role_missing' });
  await expect(ledger.agents.unsealPart(digest)).rejects.toMatchObject({ code: 'role_missing' });
  expect(await auditor.unsealPart(digest)).toEqual({ digest, subject: SUBJECT, bytes: PLAIN.toString('base64') });
  expect(await acts('unsealPart')).toContainEqual(
    expect.objectContaining({
      actor: { id: expect.any(String) },
      object: { digest, subject: SUBJECT },
      outcome: 'done',
      detail: { keyId },
    }),
  );
});

test('an emitter gets a new data key each time, never one in use by others', async () => {
  const made = await Promise.all([ledger.agents.createDataKey('s'), ledger.agents.createDataKey('s')]);
  expect(new Set(made.map(({ key }) => key)).size).toBe(2);
  await expect(ledger.operator.createDataKey('s')).rejects.toMatchObject({ code: 'role_missing' });
  for (const subject of ['', 'a\u0000b', 'a\nb', 'x'.repeat(257), 'ü'.repeat(200)])
    await expect(ledger.agents.createDataKey(subject)).rejects.toMatchObject({ code: 'request_invalid' });
  // Creating a data key is no act: the events that name sealed parts record it.
  expect(await acts('createDataKey')).toEqual([]);
});

test('after erasure none of the subject’s parts unseal, all others do, and the log stays sound', async () => {
  const [mine, more, others] = [await keepSealed('erased'), await keepSealed('erased'), await keepSealed('kept')];
  await expect(auditor.eraseSubject('erased')).rejects.toMatchObject({ code: 'role_missing' });
  expect(await ledger.operator.eraseSubject('erased')).toEqual({ subject: 'erased', destroyed: 2, systems: [] });
  expect(await ledger.operator.eraseSubject('erased')).toEqual({ subject: 'erased', destroyed: 0, systems: [] });
  for (const { digest, bytes } of [mine, more]) {
    await expect(auditor.unsealPart(digest)).rejects.toMatchObject({ code: 'part_erased', status: 410 });
    expect(await ledger.operator.part(digest)).toMatchObject({ bytes: Buffer.from(bytes).toString('base64') });
  }
  expect(await auditor.unsealPart(others.digest)).toMatchObject({ subject: 'kept' });
  expect(await acts('eraseSubject')).toContainEqual(
    expect.objectContaining({ object: { subject: 'erased' }, outcome: 'done', detail: { destroyed: 2, systems: [] } }),
  );
  expect(await acts('unsealPart')).toContainEqual(expect.objectContaining({ outcome: 'refused', code: 'part_erased' }));
  expect(await ledger.audit()).toEqual([]);
});

test('a part does not unseal under another subject’s or tenant’s key, and damage is reported', async () => {
  const made = await ledger.agents.createDataKey('one');
  const dataKey = { keyId: made.keyId, key: Buffer.from(made.key, 'base64') };
  const sealed = (whose: { tenant: string; subject: string }) => sealPart(PLAIN, dataKey, whose, randomBytes(SEAL_NONCE_BYTES));
  const damaged = sealed(made);
  damaged[damaged.length - 1] = (damaged[damaged.length - 1] as number) ^ 1;
  const unknown = sealPart(PLAIN, { ...dataKey, keyId: 'f'.repeat(32) }, made, randomBytes(SEAL_NONCE_BYTES));
  for (const bytes of [sealed({ ...made, subject: 'two' }), sealed({ ...made, tenant: 'two' }), damaged, unknown])
    await expect(auditor.unsealPart(await keep(bytes))).rejects.toMatchObject({ code: 'part_unreadable', status: 422 });
});

test('another tenant can neither read, unseal nor erase', async () => {
  const { digest } = await keepSealed();
  const foreign = ledger.client(
    (await ledger.makeKey({ tenant: 'rival', roles: ['view', 'unseal', 'administer', 'emit'], agents: ['*'] })).apiKey,
  );
  await expect(foreign.part(digest)).rejects.toMatchObject({ code: 'part_unknown' });
  await expect(foreign.unsealPart(digest)).rejects.toMatchObject({ code: 'part_unknown' });
  expect(await foreign.eraseSubject(SUBJECT)).toMatchObject({ destroyed: 0 });
  expect(await auditor.unsealPart(digest)).toMatchObject({ subject: SUBJECT });
});

test('an unknown digest is part_unknown, a malformed one is invalid', async () => {
  await expect(ledger.operator.part('0'.repeat(64))).rejects.toMatchObject({ code: 'part_unknown' });
  await expect(auditor.unsealPart('0'.repeat(64))).rejects.toMatchObject({ code: 'part_unknown' });
  await expect(ledger.operator.part('x')).rejects.toMatchObject({ code: 'request_invalid' });
});

test('neither database nor the log contains a key or sealed content in plain text', async () => {
  const made = await ledger.agents.createDataKey('grep');
  const key = Buffer.from(made.key, 'base64');
  const plain = Buffer.from('{"plain":"kingfisher"}');
  const digest = await keep(sealPart(plain, { keyId: made.keyId, key }, made, randomBytes(SEAL_NONCE_BYTES)));
  await auditor.unsealPart(digest);
  const rows = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(text)).rows.map((row) => Buffer.from(row.bytes));
    } finally {
      await client.end();
    }
  };
  const parts = await ledger.store.pool.query('SELECT bytes FROM recant.part UNION ALL SELECT frame FROM recant.entry');
  const all = Buffer.concat([
    ...parts.rows.map(({ bytes }) => bytes as Buffer),
    ...(await rows(keysDatabase.ownerUrl, 'SELECT wrapped AS bytes FROM recant_keys.data_key WHERE wrapped IS NOT NULL')),
  ]);
  expect(all.includes(key)).toBe(false);
  expect(all.includes('kingfisher')).toBe(false);
  expect(JSON.stringify(ledger.log)).not.toMatch(new RegExp(`kingfisher|${made.key.slice(0, 20).replaceAll('+', '\\+')}`));
  expect(TENANT).toBe(made.tenant);
});

test('without the keys database sealing and unsealing fail, everything else works, and health is degraded', async () => {
  await using database = await testDatabase();
  await prepareDataKeys(database.ownerUrl, new URL(database.url).username);
  const away = postgresDataKeys({ connectionString: database.url, masterKey: localMasterKey([randomBytes(32)]) });
  const other = await startLedger({ dataKeys: away });
  try {
    const reader = other.client((await other.makeKey({ roles: ['unseal', 'view'], agents: [] })).apiKey);
    const owner = other.client((await other.makeKey({ tenant: OPERATOR_TENANT, roles: ['view'], agents: [] })).apiKey);
    const health = async () => (await owner.healthDetails()).checks?.keys;
    const { digest } = await (async () => {
      const made = await other.agents.createDataKey('s');
      const bytes = sealPart(PLAIN, { keyId: made.keyId, key: Buffer.from(made.key, 'base64') }, made, randomBytes(SEAL_NONCE_BYTES));
      const salt = randomBytes(16);
      const named = partDigest(salt, bytes);
      await other.agents.putPart(named, salt.toString('base64url'), bytes);
      return { digest: named };
    })();
    expect(await health()).toEqual({ status: 'ok' });
    await database.drop();
    await expect(reader.unsealPart(digest)).rejects.toMatchObject({ status: 503 });
    await expect(other.agents.createDataKey('s')).rejects.toMatchObject({ status: 503 });
    expect(await reader.part(digest)).toMatchObject({ sealed: true });
    await waitUntil(async () => (await health())?.status === 'degraded');
  } finally {
    await other.stop();
    await away.close();
  }
});

test('a ledger without a keys database refuses sealing but stores parts', async () => {
  const bare = await startLedger();
  try {
    await expect(bare.agents.createDataKey('s')).rejects.toMatchObject({ code: 'sealing_not_configured' });
    await expect(bare.operator.eraseSubject('s')).rejects.toMatchObject({ code: 'sealing_not_configured' });
    const salt = randomBytes(16);
    await bare.agents.putPart(partDigest(salt, PLAIN), salt.toString('base64url'), PLAIN);
    expect(await bare.operator.part(partDigest(salt, PLAIN))).toMatchObject({ sealed: false });
  } finally {
    await bare.stop();
  }
});
