import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createStage, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, secret text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`;
const CONTEXT = { sourcePrefix: 'recant://recant', recorded: async () => 0 };

async function asSuperuser(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

test('a target that became read-only refuses rehearsal, undo and drain with a code, loses nothing, and undoes once it is writable again', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  const owner = new URL(stage.ownerUrl).username;
  await asSuperuser(stage.superUrl, `ALTER ROLE ${owner} SET default_transaction_read_only = on`);
  const target = await stage.open();
  const readOnly = { name: 'ConnectorError', code: 'read_only', retry: true };
  await expect(target.rehearse([{ step: 1, undoes: bad.ref, effects: bad.effects, knownOrdinals: {} }])).rejects.toMatchObject(readOnly);
  await expect(undoOne(target, bad)).rejects.toMatchObject(readOnly);
  await expect(target.drain?.next({ ...CONTEXT, nowMs: Date.now() })).rejects.toMatchObject(readOnly);
  expect(await target.coverage?.()).toEqual([]);
  await asSuperuser(stage.superUrl, `ALTER ROLE ${owner} RESET default_transaction_read_only`);
  const again = await stage.open();
  const { batch } = (await again.drain?.next({ ...CONTEXT, nowMs: Date.now() })) ?? {};
  expect(batch?.events.filter((bytes) => Buffer.from(bytes).includes('attempt.observed'))).toHaveLength(1);
  expect((await undoOne(again, bad)).outcome).toBe('restored');
});

test('a target whose disk is full refuses an undo with a code and leaves it undone; it goes through once there is space', async () => {
  await using stage = await createStage(`${ITEMS};
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  const target = await stage.open();
  await stage.owner.query('CREATE TRIGGER aa_full BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION full_disk()');
  const refused = await undoOne(target, bad).catch((error: { code: string }) => error);
  expect('outcome' in refused ? refused.outcome : refused.code).toMatch(/^(stuck|disk_full)$/);
  expect((await stage.owner.query('SELECT secret FROM items')).rows).toEqual([{ secret: 'x' }, { secret: 'x' }]);
  await stage.owner.query('DROP TRIGGER aa_full ON items');
  expect((await undoOne(target, bad)).outcome).toBe('restored');
});

test('foreign tables and foreign partitions are named as not captured, and a child of INHERITS without a key is counted beside its parent’s undo', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  const owner = new URL(stage.ownerUrl).username;
  await asSuperuser(
    stage.superUrl,
    `CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; GRANT USAGE ON FOREIGN SERVER far TO ${owner}`,
  );
  await stage.owner.query(`CREATE FOREIGN TABLE remote (id int) SERVER far;
    CREATE TABLE parts (id int, n int) PARTITION BY RANGE (id); CREATE TABLE parts_near PARTITION OF parts FOR VALUES FROM (0) TO (9);
    CREATE FOREIGN TABLE parts_far PARTITION OF parts FOR VALUES FROM (10) TO (19) SERVER far;
    CREATE TABLE parent (id int PRIMARY KEY, n int); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1, 0); INSERT INTO child VALUES (2, 0);
    GRANT ALL ON parent TO ${stage.agents.join(', ')}`);
  const report = await stage.prepare();
  expect(report.skipped).toEqual([
    { table: 'public.parts_far', reason: expect.stringContaining('foreign partition') },
    { table: 'public.remote', reason: expect.stringContaining('foreign table') },
  ]);
  expect(report.limited.map(({ table }) => table)).toEqual(['public.child', 'public.parts']);
  const both = await stage.play(0, (tx) => tx.query('UPDATE parent SET n = 1'));
  expect(both.effects.map(({ resource }) => resource)).toEqual(['postgres://shop/public.parent/1']);
  const counted = await stage.owner.query(
    `SELECT r.table_name AS "table", c.key, c.attempt IS NOT NULL AS unknown FROM recant.change c JOIN recant.relation r ON r.id = c.relation WHERE r.table_name = 'child'`,
  );
  expect(counted.rows).toEqual([{ table: 'child', key: null, unknown: true }]);
  expect((await undoOne(await stage.open(), both)).outcome).toBe('restored');
  expect((await stage.owner.query('SELECT id, n FROM parent ORDER BY id')).rows).toEqual([
    { id: 1, n: 0 },
    { id: 2, n: 1 },
  ]);
});

/** Says another version than the server behind it does. */
async function pretendVersion(url: string, version: string): Promise<{ url: string; close(): void }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), new URL(url).hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
    }
    client.pipe(upstream);
    upstream.on('data', (bytes) => client.write(Buffer.from(bytes.toString('latin1').replace(/\b18\d{4}\b/, version), 'latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { url: Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href, close };
}

test('connect refuses a server before PostgreSQL 14 with a code, and installs nothing', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  for (const [version, refused] of [
    ['130022', true],
    ['140000', false],
  ] as const) {
    const old = await pretendVersion(stage.ownerUrl, version);
    const connected = stage.prepare({ url: old.url }).finally(old.close);
    if (refused)
      await expect(connected).rejects.toMatchObject({
        code: 'options_invalid',
        message: expect.stringContaining('PostgreSQL 14 or later'),
      });
    else await connected;
    expect((await stage.owner.query(`SELECT to_regnamespace('recant') IS NOT NULL AS there`)).rows).toEqual([{ there: !refused }]);
  }
});
