import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresConnector, unpreparePostgres } from '../src/index.ts';
import { codes, createStage, SYSTEM, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, secret text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`;
const ODD = `
CREATE TABLE parent (id int PRIMARY KEY, note text); CREATE TABLE child (extra text) INHERITS (parent); CREATE TABLE keyed_child (PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE ruled (id int PRIMARY KEY); CREATE TABLE log (at timestamptz); CREATE RULE r AS ON INSERT TO ruled DO ALSO INSERT INTO log VALUES (now());
CREATE TABLE posts (id int PRIMARY KEY, body text, updated_at timestamptz, comments_count int, modified timestamptz);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE tokens (token text PRIMARY KEY, n int); INSERT INTO tokens VALUES ('ghp_abcdefghijklmnopqrstuvwxyz0123456789', 1);
CREATE UNLOGGED TABLE cache (id int PRIMARY KEY); CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY`;

test('connect names every unsupported shape, what is derived, what looks derived, and keys that redaction masks', async () => {
  await using stage = await createStage(ODD, { prepare: false });
  const report = await stage.prepare({
    undoLogin: stage.agents[1] as string,
    agentRoles: [stage.agents[0] as string],
    ruleFor: (resource) => (resource.includes('ghp_') ? 'github-token' : undefined),
  });
  const limit = (table: string) => report.limited.find((limited) => limited.table === `public.${table}`)?.reason;
  expect(limit('child')).toMatch(/no primary key.*child of (public\.)?parent \(INHERITS\)/);
  expect(limit('keyed_child')).toBeUndefined();
  expect(limit('ruled')).toMatch(/CREATE RULE/);
  expect(limit('log')).toMatch(/counted, not undone/);
  expect(limit('cache')).toMatch(/unlogged/);
  expect(limit('hidden')).toMatch(/row-level security/);
  expect(report.tables.find(({ table }) => table === 'public.posts')?.derived).toEqual([
    { column: 'updated_at', because: 'set by trigger stamp' },
  ]);
  expect(report.candidates).toEqual(['public.posts.comments_count', 'public.posts.modified']);
  expect(report.maskedKeys).toEqual([{ table: 'public.tokens', rule: 'github-token' }]);
  expect((await stage.prepare({ derived: report.candidates })).candidates).toEqual([]);
  expect((await stage.prepare({ notDerived: ['public.posts.updated_at'] })).candidates).toContain('public.posts.updated_at');
});

test('without an agent login the ways round of every login are listed, and no agent is registered', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  const report = await stage.prepare({ agentRoles: [] });
  expect(report.agentLogins).toEqual([]);
  expect(report.waysRound).toContainEqual(expect.stringMatching(/superuser/));
});

test('rights on the server, publications, shared logins and TRUNCATE are named, and TRUNCATE is revoked and given back', async () => {
  await using stage = await createStage(ITEMS);
  const [agent = ''] = stage.agents;
  await using admin = await superuser(stage.superUrl);
  await admin.client.query(
    `GRANT pg_execute_server_program, pg_write_server_files, pg_write_all_data TO ${agent}; GRANT TRUNCATE ON items TO ${agent}; CREATE PUBLICATION everything FOR ALL TABLES`,
  );
  const report = await stage.prepare({ agentRoles: [agent, { role: agent, sourcePrefix: 'recant://b/' }] });
  for (const group of ['pg_execute_server_program', 'pg_write_server_files', 'pg_write_all_data'])
    expect(report.waysRound).toContainEqual(expect.stringContaining(group));
  expect(report.publications).toEqual(['everything']);
  expect(report.sharedLogins).toEqual([expect.stringContaining('several agents')]);
  expect(report.truncateRights).toMatchObject([{ login: agent, tables: ['public.items'] }]);
  expect(await (await stage.open()).coverage?.()).toMatchObject([{ code: 'publication' }]);
  // Recant deletes from its own tables, although they are published.
  await stage.owner.query(`UPDATE items SET secret = 'x'`);
  await stage.owner.query('SELECT recant.absorb()');
  expect((await stage.owner.query('SELECT count(*)::int AS left FROM recant.capture')).rows).toEqual([{ left: 0 }]);
  await admin.client.query('DROP PUBLICATION everything');
  expect((await stage.prepare({ agentRoles: [agent], revokeTruncate: true })).truncateRights).toEqual([]);
  await expect(stage.pools[0]?.query('TRUNCATE items')).rejects.toThrow(/permission denied/);
  await unpreparePostgres({ url: stage.ownerUrl });
  await stage.pools[0]?.query('TRUNCATE items');
});

test('connecting twice, also at once, changes nothing; a table under a lock is skipped over time, not waited for', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE other (id int PRIMARY KEY)`);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  const triggers = `SELECT oid, tgrelid FROM pg_trigger WHERE tgname LIKE 'zz_recant%' ORDER BY 1`;
  const before = (await stage.owner.query(triggers)).rows;
  await Promise.all([stage.prepare(), stage.prepare(), stage.prepare()]);
  expect((await stage.owner.query(triggers)).rows).toEqual(before);
  expect((await undoOne(await stage.open(), bad)).outcome).toBe('restored');
});

test('an interrupted connect goes on where it stopped: a lock that outlasts the patience ends it with a code, the rest is captured', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE other (id int PRIMARY KEY)`, { prepare: false });
  const holder = await stage.owner.connect();
  await holder.query('BEGIN; LOCK TABLE other IN ROW EXCLUSIVE MODE');
  await expect(stage.prepare({ patienceMs: 10 })).rejects.toMatchObject({ code: 'locked', retry: true });
  // Somebody else's statement on the other table was never behind ours for longer than the lock's time-out.
  await holder.query('INSERT INTO other VALUES (1); COMMIT');
  holder.release();
  expect(await captured(stage)).toEqual(['items']);
  await stage.prepare();
  expect(await captured(stage)).toEqual(['items', 'other']);
});

test('a second Recant is refused; a take-over opens an epoch under which the first one stops', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  expect(await stage.prepare({ ledger: 'one.example/acme' })).toMatchObject({ epoch: 1 });
  const first = await stage.open();
  const identity = await first.identity();
  await expect(stage.prepare({ ledger: 'two.example/acme' })).rejects.toMatchObject({
    code: 'already_connected',
    message: expect.stringContaining('one.example/acme'),
  });
  await expect(stage.prepare({ ledger: 'one.example/acme', system: 'other' })).rejects.toMatchObject({ code: 'options_invalid' });
  expect(await stage.prepare({ ledger: 'two.example/acme', takeOver: true })).toMatchObject({ epoch: 2 });
  expect(await stage.prepare({ ledger: 'two.example/acme', takeOver: true })).toMatchObject({ epoch: 2 });
  expect(await first.identity()).not.toBe(identity);
});

test("an owner's login that lost its tables, a read-only server and a full disk: each a defined end that changes nothing", async () => {
  await using stage = await createStage(ITEMS);
  await using admin = await superuser(stage.superUrl);
  const owner = (await stage.owner.query('SELECT current_user AS name')).rows[0].name as string;
  await admin.client.query(`ALTER ROLE ${owner} SET default_transaction_read_only = on`);
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'read_only' });
  await admin.client.query(`ALTER ROLE ${owner} RESET ALL`);
  await admin.client.query(
    `CREATE FUNCTION full_disk() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
     CREATE EVENT TRIGGER full_disk ON ddl_command_start EXECUTE FUNCTION full_disk()`,
  );
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'disk_full', retry: true });
  await admin.client.query('DROP EVENT TRIGGER full_disk; DROP FUNCTION full_disk()');
  await admin.client.query(`ALTER TABLE items OWNER TO ${stage.agents[0]}`);
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'permission_denied', message: expect.stringContaining('public.items') });
  await admin.client.query(`ALTER TABLE items OWNER TO ${owner}`);
  expect((await stage.prepare()).tables).toHaveLength(1);
});

test('tables of the capture that were altered by hand are named; functions are put right by connecting again', async () => {
  await using stage = await createStage(ITEMS);
  const target = await stage.open();
  await stage.owner.query(
    `CREATE OR REPLACE FUNCTION recant.capture_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
  );
  expect(await target.coverage?.()).toMatchObject([{ code: 'capture_altered', detail: expect.stringContaining('capture_row()') }]);
  await stage.prepare();
  expect(await target.coverage?.()).toEqual([]);
  await stage.owner.query('ALTER TABLE recant.change DROP COLUMN written CASCADE');
  expect(await target.coverage?.()).toMatchObject([{ code: 'capture_altered', detail: expect.stringContaining('table recant.change') }]);
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'capture_altered' });
  await unpreparePostgres({ url: stage.ownerUrl, discard: true });
  await stage.prepare();
  await stage.owner.query('DELETE FROM recant.system');
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'capture_altered' });
});

test('a schema "recant" that is something else is neither prepared nor dropped', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE SCHEMA recant; CREATE TABLE recant.system (name text)`, { prepare: false });
  await expect(stage.prepare()).rejects.toMatchObject({ code: 'capture_altered' });
  await expect(unpreparePostgres({ url: stage.ownerUrl, discard: true })).rejects.toMatchObject({ code: 'not_prepared' });
  await stage.owner.query('SELECT * FROM recant.system');
});

test('disconnect is refused while attempts can be undone, and leaves the target as it was', async () => {
  await using stage = await createStage(
    `${ITEMS}; CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)`,
    {
      prepare: false,
    },
  );
  await expect(unpreparePostgres({ url: stage.ownerUrl })).rejects.toMatchObject({ code: 'not_prepared' });
  const objects = () => stage.owner.query(SNAPSHOT_SQL).then(({ rows }) => rows);
  const before = await objects();
  await stage.prepare({
    agentRoles: [stage.agents[0] as string],
    undoLogin: stage.agents[1] as string,
    drainLogin: stage.agents[1] as string,
  });
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  await expect(unpreparePostgres({ url: stage.ownerUrl })).rejects.toMatchObject({
    code: 'attempts_undoable',
    message: expect.stringMatching(/^1 recorded/),
  });
  await expect(unpreparePostgres({ url: stage.ownerUrl, system: 'other' })).rejects.toMatchObject({ code: 'options_invalid' });
  expect((await undoOne(await stage.open(), bad)).outcome).toBe('restored');
  expect(await unpreparePostgres({ url: stage.ownerUrl, system: SYSTEM })).toEqual(['public.items', 'public.p', 'public.p1']);
  expect(await objects()).toEqual(before);
});

test('the undo login owns nothing, reads no key, changes no capture, and undoes', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  const [agent = '', undoLogin = ''] = stage.agents;
  await stage.owner.query(`REVOKE ALL ON items FROM ${undoLogin}`);
  await stage.prepare({ agentRoles: [agent], undoLogin });
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'; DELETE FROM items WHERE id = 2`));
  const url = Object.assign(new URL(stage.ownerUrl), { username: undoLogin, password: undoLogin }).href;
  const target = await postgresConnector.open({ name: SYSTEM, connector: 'postgres', options: { url } });
  expect(await target.coverage?.()).toEqual([]);
  expect(await target.probe([{ resource: 'postgres://shop/public.items/1', part: 'secret' }])).toMatchObject([{ kind: 'version' }]);
  const undone = await undoOne(target, bad);
  expect(undone.findings.map(({ detail }) => detail)).toEqual([]);
  expect(undone.outcome).toBe('restored');
  await target.close();
  const undoer = stage.pools[1] as pg.Pool;
  for (const sql of [
    'SELECT inner_key FROM recant.system',
    'UPDATE recant.change SET login = login',
    'DELETE FROM recant.applied',
    `INSERT INTO recant.agent VALUES ('x', '')`,
    'INSERT INTO recant.capture (relid, operation) VALUES (0, $$i$$)',
    'ALTER TABLE items DISABLE TRIGGER ALL',
    'TRUNCATE items',
  ])
    await expect(undoer.query(sql), sql).rejects.toThrow(/permission denied|must be owner/);
});

test('code on the way of an undo that an agent can replace is a conflict, not run', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE seen (login name); GRANT CREATE ON SCHEMA public TO PUBLIC`);
  const [agent = ''] = stage.agents;
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x' WHERE id = 1`));
  await stage.pools[0]?.query(
    `CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_user); RETURN NULL; END $$`,
  );
  await stage.owner.query('CREATE TRIGGER spy AFTER UPDATE ON items FOR EACH STATEMENT EXECUTE FUNCTION spy()');
  const target = await stage.open();
  const refused = await undoOne(target, bad);
  expect(codes(refused)).toEqual(['agent_code']);
  expect(refused.findings[0]?.detail).toContain(agent);
  expect((await stage.owner.query('SELECT FROM seen')).rowCount).toBe(0);
  await stage.owner.query('DROP TRIGGER spy ON items');
  await stage.pools[0]?.query('CREATE FUNCTION fine(text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$');
  await stage.owner.query('ALTER TABLE items ADD CHECK (fine(secret))');
  expect(codes(await undoOne(target, bad))).toEqual(['agent_code']);
  await stage.owner.query('ALTER TABLE items DROP CONSTRAINT items_secret_check');
  expect((await undoOne(target, bad)).outcome).toBe('restored');
});

/** Everything of the database's schemas: relations, triggers, functions, rights. */
const SNAPSHOT_SQL = `
SELECT c.relname AS name, c.relacl::text AS rights, (SELECT array_agg(t.tgname::text ORDER BY 1) FROM pg_trigger t WHERE t.tgrelid = c.oid) AS more
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL SELECT n.nspname, n.nspacl::text, NULL FROM pg_namespace n WHERE n.nspname !~ '^pg_'
UNION ALL SELECT p.proname, p.proacl::text, NULL FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'recant') ORDER BY 1`;

async function captured(stage: { readonly owner: pg.Pool }): Promise<string[]> {
  const { rows } = await stage.owner.query<{ name: string }>(
    `SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname ~ '^zz_recant_2_row' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

async function superuser(url: string): Promise<{ client: pg.Client } & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}
