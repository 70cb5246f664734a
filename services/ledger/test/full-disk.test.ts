import { dirname } from 'node:path';
import { ApiError } from '@recant/client';
import { migrate } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { freshPlace, holdFrom, query } from '../../../libs/local-postgres/test/place.ts';
import { startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

/** All tables of the ledger, but not the server's log, without which it ends, on a file system of 48 MB that only the server sees. */
const MOUNT =
  'mkdir -m 777 "$0/small" && mount -t tmpfs -o size=48m,mode=777 tmpfs "$0/small" && mkdir -m 777 "$0/small/tables" && exec "$@"';
const KEYS = 40;

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.code}` : String(error)),
  );

test('on a full disk nothing is recorded, yet every key can be revoked, at once and for good; the acts are recorded once there is space', async () => {
  const dataDir = await freshPlace();
  const folder = dirname(dataDir);
  const { said } = await holdFrom(dataDir, { prefix: ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', MOUNT, folder] });
  const server = said.ownerUrl as string;
  await query(server, `CREATE TABLESPACE small LOCATION '${folder}/small/tables'`);
  await query(server, 'CREATE DATABASE ledger TABLESPACE small');
  const databaseUrl = Object.assign(new URL(server), { pathname: '/ledger' }).href;
  await migrate(databaseUrl);
  const ledger = await startLedger({ databaseUrl });
  onTestFinished(() => ledger.stop());
  const keys = await Promise.all(Array.from({ length: KEYS }, () => ledger.makeKey()));
  const send = (key: string) => codeOf(ledger.client(key).submitEvent(new TestSource('bot').intended().bytes));
  for (const { apiKey } of keys) expect(await send(apiKey)).toBe('answered');

  const filler = new pg.Client({ connectionString: databaseUrl });
  await filler.connect();
  onTestFinished(() => filler.end());
  await filler.query('CREATE TABLE filler (body text); ALTER TABLE filler ALTER body SET STORAGE PLAIN');
  const grow = () => filler.query(`INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, 100)`);
  const isFull = (error: { code?: unknown }) => error.code === '53100';
  await waitUntil(() => grow().then(() => false, isFull), { pollMs: 0 });
  const last = keys.at(-1)?.apiKey as string;
  const large = () =>
    ledger.client(last).submitEvent(new TestSource('bot').intended({ arguments: { inline: { text: 'x'.repeat(4_000) } } }).bytes);
  await waitUntil(async () => (await codeOf(large())) === '503 store_full', { pollMs: 0 });

  expect(await codeOf(ledger.operator.createKey({ roles: ['emit'], agents: ['bot'], resources: [], sourcePrefix: 'recant://bot' }))).toBe(
    '503 store_full',
  );
  for (const { credential, apiKey } of keys) {
    expect(await codeOf(ledger.operator.revokeKey(credential.keyId))).toBe('answered');
    expect(await send(apiKey)).toBe('401 unauthenticated');
  }
  const states = (await ledger.operator.keys()).filter(({ keyId }) => keys.some(({ credential }) => credential.keyId === keyId));
  expect(states.map(({ state }) => state)).toEqual(Array(KEYS).fill('revoked'));
  expect(ledger.log.filter(({ alarm }) => alarm === 'act_unrecorded')).toHaveLength(KEYS);

  await filler.query('DROP TABLE filler');
  await waitUntil(async () => {
    const { items } = await ledger.operator.acts({}, { limit: 200 });
    const revoked = items.flatMap(({ event: { data } }) =>
      data.operation === 'revokeKey' && data.outcome === 'done' ? [data.object] : [],
    );
    return revoked.length === KEYS;
  });
  expect(await ledger.audit()).toEqual([]);
}, 240_000);
