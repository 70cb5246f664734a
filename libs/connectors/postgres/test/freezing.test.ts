import type { TargetSystem } from '@recant/connector';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresConnector } from '../src/index.ts';
import { createStage, type Stage, SYSTEM } from './stage.ts';

const SCHEMA = `CREATE TABLE items (id bigserial PRIMARY KEY, who text); CREATE TABLE left_out (id int)`;
const FREEZE = '018f0000-0000-4000-8000-00000000000a';
const OTHER = '018f0000-0000-4000-8000-00000000000b';
let stage: Stage;
let target: TargetSystem;
beforeAll(async () => {
  stage = await createStage(SCHEMA, { agents: 4, prepare: false });
  await stage.owner.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${stage.agents.join(', ')}`);
  const [bad = '', good = '', , drainLogin = ''] = stage.agents;
  // The owner of the capture has no rights on this one.
  await asSuper(`CREATE TABLE notes (id int); GRANT INSERT ON notes TO ${bad}`);
  await stage.prepare({ agentRoles: [{ role: bad, agent: 'bad' }, good], tables: ['public.items'], drainLogin });
  target = await openWith(drainLogin);
});
afterAll(async () => {
  await target?.close();
  await stage?.[Symbol.asyncDispose]();
});

const asSuper = async (sql: string): Promise<void> => {
  const client = new pg.Client({ connectionString: stage.superUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
};
const openWith = (drainLogin: string): Promise<TargetSystem> =>
  postgresConnector.open({
    name: SYSTEM,
    connector: 'postgres',
    options: { url: stage.ownerUrl, drainUrl: Object.assign(new URL(stage.ownerUrl), { username: drainLogin, password: drainLogin }).href },
  });
const freeze = (over: object = {}) => ({ id: FREEZE, agent: 'bad', sources: [], reason: 'incident 4711', ...over });
const enforce = async (...freezes: ReturnType<typeof freeze>[]) => (await target.freezing?.enforce(freezes)) ?? [];
const INSERT = 'INSERT INTO items (who) SELECT session_user';

test('I11: once a freeze is effective, nothing of the agent’s login is committed; everybody else writes on; a thaw ends it', async () => {
  const [bad, good, person] = stage.pools as [pg.Pool, pg.Pool, pg.Pool];
  const refusals = new Set<string>();
  let done = false;
  using _ = {
    [Symbol.dispose]() {
      done = true;
    },
  };
  const busy = Array.from({ length: 3 }, async () => {
    const client = await bad.connect();
    while (!done) await client.query(INSERT).catch((error: Error & { code: string }) => refusals.add(`${error.code} ${error.message}`));
    client.release();
  });
  const count = async (): Promise<number> =>
    Number((await stage.owner.query(`SELECT count(*) FROM items WHERE who ~ '^agent0'`)).rows[0].count);
  await waitUntil(async () => (await count()) > 10);
  await waitUntil(async () => (await enforce(freeze()))[0]?.effective === true);
  const [standing] = await enforce(freeze());
  expect(standing).toEqual({
    id: FREEZE,
    effective: true,
    logins: [stage.agents[0]],
    open: [],
    unfrozen: { count: 1, shown: ['public.notes'] },
  });
  const after = await count();
  await waitUntil(() => refusals.size > 0);
  await good.query(INSERT);
  await person.query(INSERT);
  await expect(bad.query('UPDATE items SET who = NULL')).rejects.toMatchObject({
    code: '42501',
    hint: expect.stringContaining(`recant thaw ${FREEZE}`),
  });
  await expect(bad.query('INSERT INTO left_out VALUES (1)')).rejects.toThrow('are frozen');
  await bad.query('SELECT * FROM items LIMIT 1');
  expect(await count()).toBe(after);
  expect([...refusals]).toEqual([expect.stringContaining(`are frozen (freeze ${FREEZE}): incident 4711`)]);

  await enforce();
  await waitUntil(async () => (await count()) > after);
  done = true;
  await Promise.all(busy);
});

test('I11: what an agent had open is ended where the login of the drain may, and else named until it has ended', async () => {
  const [bad] = stage.pools as [pg.Pool];
  const [wrote, reads] = [await bad.connect(), await bad.connect()];
  for (const client of [wrote, reads]) client.on('error', () => undefined);
  using _ = { [Symbol.dispose]: () => [wrote, reads].map((client) => client.release(true)) };
  await wrote.query(`BEGIN; ${INSERT}`);
  // Its snapshot is older than the freeze, and shows it none.
  await reads.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM items');
  const [waiting, second] = await enforce(freeze(), freeze({ id: OTHER }));
  expect(second).toMatchObject({ effective: false, problem: expect.stringContaining('--end-transactions') });
  expect(waiting).toMatchObject({ effective: false, problem: expect.stringContaining('--end-transactions') });
  expect(waiting?.open).toHaveLength(2);
  expect(waiting?.open).toContainEqual({ login: stage.agents[0], agent: 'bad', pid: expect.any(Number) });
  await reads.query('ROLLBACK');
  expect((await enforce(freeze()))[0]?.open).toHaveLength(1);

  const [, , , drainLogin = ''] = stage.agents;
  await expect(
    stage.prepare({
      agentRoles: [{ role: stage.agents[0] ?? '', agent: 'bad' }],
      tables: ['public.items'],
      drainLogin,
      endTransactions: true,
    }),
  ).rejects.toMatchObject({ code: 'permission_denied', message: expect.stringContaining(`GRANT pg_signal_backend TO "${drainLogin}"`) });
  await asSuper(`GRANT pg_signal_backend TO ${drainLogin}`);
  await waitUntil(async () => (await enforce(freeze()))[0]?.effective === true);
  await expect(wrote.query('COMMIT')).rejects.toThrow();
  await enforce();
});

test('I11: a prepared transaction of the agent keeps the freeze from being effective, by its name', async () => {
  const [bad] = stage.pools as [pg.Pool];
  await bad.query(`BEGIN; ${INSERT}; PREPARE TRANSACTION 'left over'`);
  expect(await enforce(freeze())).toMatchObject([
    { effective: false, open: [{ gid: 'left over' }], problem: expect.stringContaining('ROLLBACK PREPARED') },
  ]);
  await bad.query(`ROLLBACK PREPARED 'left over'`);
  expect((await enforce(freeze()))[0]?.effective).toBe(true);
  await enforce();
});

test('I11: a freeze of all agents, of a login by its source, and one that expires', async () => {
  const [bad, good, person] = stage.pools as [pg.Pool, pg.Pool, pg.Pool];
  await stage.prepare({
    agentRoles: [{ role: stage.agents[0] ?? '', agent: 'bad' }, stage.agents[1] ?? ''],
    tables: ['public.items'],
    drainLogin: stage.agents[3] ?? '',
  });
  const writes = (pool: pg.Pool): Promise<boolean> =>
    pool.query(INSERT).then(
      () => true,
      () => false,
    );
  const { agent: _, ...everybody } = freeze();
  await enforce(everybody as ReturnType<typeof freeze>);
  expect(await Promise.all([bad, good, person].map(writes))).toEqual([false, false, true]);

  await stage
    .play(1, (tx) => tx.query(INSERT))
    .then(
      () => expect.unreachable('a frozen agent wrote'),
      () => undefined,
    );
  await enforce();
  await stage.play(1, (tx) => tx.query(INSERT));
  await enforce(freeze({ id: OTHER, agent: 'somebody', sources: ['recant://agent1/1'] }));
  expect(await Promise.all([bad, good, person].map(writes))).toEqual([true, false, true]);

  await enforce(freeze({ id: OTHER, agent: stage.agents[1], expiresAtMs: Date.now() + 300 }));
  expect(await writes(good)).toBe(false);
  await waitUntil(() => writes(good));
  await enforce();
});

test('I11: a thaw that is rolled back lifts nothing, and the login of the drain can freeze no person', async () => {
  const [bad, , person] = stage.pools as [pg.Pool, pg.Pool, pg.Pool];
  await enforce(freeze());
  await stage.owner.query(`BEGIN; SELECT recant.set_freezes('[]'); ROLLBACK`);
  await expect(bad.query(INSERT)).rejects.toThrow('frozen');
  const drain = stage.pools[3] as pg.Pool;
  await expect(drain.query(`INSERT INTO recant.frozen VALUES ('x', '${OTHER}', '')`)).rejects.toThrow('permission denied');
  await drain.query('SELECT recant.set_freezes($1)', [
    JSON.stringify([{ freeze_id: OTHER, agent: stage.agents[2], sources: [], reason: '', expires_at: null }]),
  ]);
  await person.query(INSERT);
  await enforce();
});

test('I11: a login that never named an attempt belongs to the sources whose prefix it has', async () => {
  const [bad] = stage.pools as [pg.Pool];
  const [login = '', , , drainLogin = ''] = stage.agents;
  await stage.prepare({ agentRoles: [{ role: login, sourcePrefix: 'recant://quiet/' }], tables: ['public.items'], drainLogin });
  const client = await bad.connect();
  using _ = { [Symbol.dispose]: () => client.release(true) };
  client.on('error', () => undefined);
  await client.query(`BEGIN; ${INSERT}`);
  const open = (source: string) => target.drain?.openTransactions({ agents: ['quiet'], sources: [source] });
  expect(await open('recant://quiet/1')).toMatchObject([{ login }]);
  expect(await open('recant://other/1')).toEqual([]);
  await client.query('ROLLBACK');
  const quiet = freeze({ agent: 'quiet', sources: ['recant://quiet/1'] });
  await waitUntil(async () => (await enforce(quiet))[0]?.effective === true);
  await expect(bad.query(INSERT)).rejects.toThrow('are frozen');
  await enforce(freeze({ agent: 'other', sources: ['recant://other/1'] }));
  await bad.query(INSERT);
  await enforce();
});
