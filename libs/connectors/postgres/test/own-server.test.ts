import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ConnectorError } from '@recant/connector';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { findBinaries } from '../../../local-postgres/src/binaries.ts';
import { chooseIdentity } from '../../../local-postgres/src/identity.ts';
import { startPostgres } from '../../../local-postgres/src/index.ts';
import { spawnServer } from '../../../local-postgres/src/server.ts';
import { probePort } from '../../../local-postgres/src/tcp-port.ts';
import { freshPlace, holdFrom, query } from '../../../local-postgres/test/place.ts';
import { createStage, undoOne } from './stage.ts';

const CONTEXT = { sourcePrefix: 'recant://recant', recorded: async () => 0 };

/** Starts the data folder again as a standby, which follows nobody. */
async function startStandby(dataDir: string, port: number): Promise<void> {
  await writeFile(join(dataDir, 'standby.signal'), '');
  const binaries = await findBinaries();
  const identity = await chooseIdentity({ program: binaries.postgres, folder: dataDir });
  const server = spawnServer({ dataDir, logFile: `${dataDir}.log`, port, durable: false, settings: {}, binaries, identity });
  onTestFinished(() => server.stop());
  expect(await server.ready()).toBe(true);
}

test('a target that became a standby refuses connect, rehearsal, undo and drain with a code; promoted, it goes on in a new capture epoch', async () => {
  const dataDir = await freshPlace();
  const port = (await probePort()) as number;
  const primary = await startPostgres({ dataDir, port, durable: false });
  onTestFinished(() => primary.stop());
  await using stage = await createStage('CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 0)', {
    server: primary.ownerUrl,
  });
  const first = await stage.open();
  const bad = await stage.play(0, (tx) => tx.query('UPDATE items SET n = 1'));
  const drain = async (target = first) => (await target.drain?.next({ ...CONTEXT, nowMs: Date.now() }))?.batch;
  const batch = await drain();
  if (batch !== undefined) await first.drain?.confirm(batch);
  await primary.stop();
  await startStandby(dataDir, port);

  const target = await stage.open();
  const readOnly = { name: 'ConnectorError', code: 'read_only', retry: true };
  await expect(target.rehearse([{ step: 1, undoes: bad.ref, effects: bad.effects, knownOrdinals: {} }])).rejects.toMatchObject(readOnly);
  await expect(undoOne(target, bad)).rejects.toMatchObject(readOnly);
  await expect(drain(target)).rejects.toMatchObject(readOnly);
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'read_only', message: expect.stringContaining('standby') });
  expect(await target.coverage?.()).toEqual([]);

  await query(stage.superUrl, 'SELECT pg_promote(true, 60)');
  await waitUntil(async () => (await query(stage.superUrl, 'SELECT pg_is_in_recovery() AS yes'))[0]?.yes === false);
  const again = await stage.open();
  await stage.pools[0]?.query('UPDATE items SET n = n WHERE false');
  await drain(again);
  expect((await stage.owner.query('SELECT epoch FROM recant.system')).rows).toEqual([{ epoch: 2 }]);
  expect((await undoOne(again, bad)).outcome).toBe('restored');
});

/** The server's tables, but not its log, on a file system of 6 MB that only it sees. */
const MOUNT =
  'mkdir -m 777 "$0/small" && mount -t tmpfs -o size=6m,mode=777 tmpfs "$0/small" && mkdir -m 777 "$0/small/tables" && exec "$@"';

test('an undo on a disk that is full refuses with a code and changes nothing; it goes through once there is space', async () => {
  const dataDir = await freshPlace();
  const folder = dirname(dataDir);
  const { said } = await holdFrom(dataDir, { prefix: ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', MOUNT, folder] });
  const url = said.ownerUrl as string;
  await query(url, `CREATE TABLESPACE small LOCATION '${folder}/small/tables'`);
  await query(url, 'GRANT CREATE ON TABLESPACE small TO PUBLIC');
  await using stage = await createStage(
    `CREATE TABLE items (id int PRIMARY KEY, body text) TABLESPACE small; ALTER TABLE items ALTER body SET STORAGE EXTERNAL;
     INSERT INTO items SELECT g, repeat(md5(g::text), 50) FROM generate_series(1, 400) g`,
    { server: url },
  );
  const rows = async () => (await stage.owner.query('SELECT md5(string_agg(body, $1 ORDER BY id)) AS all FROM items', [','])).rows[0];
  const before = await rows();
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET body = 'x'`));
  await stage.owner.query('VACUUM FULL items');
  const damaged = await rows();
  await using filler = await connected(url);
  await filler.client.query('CREATE TABLE filler (body text) TABLESPACE small');
  const fill = () => filler.client.query(`INSERT INTO filler SELECT repeat('x', 1500) FROM generate_series(1, 5)`);
  const full = await waitUntil(
    async () =>
      fill().then(
        () => undefined,
        (error: { code: string }) => error.code,
      ),
    { pollMs: 0 },
  );
  expect(full).toBe('53100');

  const target = await stage.open();
  const refused = await undoOne(target, bad).catch((error: ConnectorError) => error);
  expect(refused).toMatchObject('outcome' in refused ? { outcome: 'stuck' } : { code: 'disk_full', retry: true });
  expect(await rows()).toEqual(damaged);
  await filler.client.query('DROP TABLE filler');
  expect((await undoOne(target, bad)).outcome).toBe('restored');
  expect(await rows()).toEqual(before);
});

async function connected(url: string): Promise<{ client: pg.Client; [Symbol.asyncDispose](): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}
