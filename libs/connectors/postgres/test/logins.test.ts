import type pg from 'pg';
import { expect, test } from 'vitest';
import { postgresConnector } from '../src/index.ts';
import { createStage, SYSTEM, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, secret text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`;
const CONTEXT = { sourcePrefix: 'recant://recant', recorded: async () => 0 };

test('the drain login drains and the undo login undoes; neither can do anything of the other', async () => {
  await using stage = await createStage(ITEMS, { agents: 3, prepare: false });
  const [agent = '', undoLogin = '', drainLogin = ''] = stage.agents;
  await stage.owner.query(`REVOKE ALL ON items FROM ${undoLogin}, ${drainLogin}`);
  // First one login for both: its rights to drain end when another login gets them.
  await stage.prepare({ agentRoles: [agent], undoLogin });
  await stage.pools[1]?.query('DELETE FROM recant.batch');
  await stage.prepare({ agentRoles: [{ role: agent, agent: 'pricing' }], undoLogin, drainLogin });
  const as = (login: string) => Object.assign(new URL(stage.ownerUrl), { username: login, password: login }).href;
  const options = { url: as(undoLogin), drainUrl: as(drainLogin) };
  const target = await postgresConnector.open({ name: SYSTEM, connector: 'postgres', options });
  try {
    const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'; DELETE FROM items WHERE id = 2`));
    const { batch } = (await target.drain?.next({ ...CONTEXT, nowMs: Date.now() })) ?? {};
    expect(batch?.events.map((bytes) => Buffer.from(bytes).toString()).join()).toContain('"agent":"pricing"');
    if (batch) await target.drain?.confirm(batch);
    expect(await target.drain?.isIdle(Date.now())).toBe(true);
    expect(await target.drain?.openTransactions()).toEqual([]);
    expect(await target.coverage?.()).toEqual([]);
    expect((await undoOne(target, bad)).outcome).toBe('restored');
  } finally {
    await target.close();
  }
  for (const [pool, statements] of [
    [stage.pools[1], ['DELETE FROM recant.batch', 'DELETE FROM recant.undrained', 'UPDATE recant.system SET epoch = 9']],
    [
      stage.pools[2],
      [
        'SELECT * FROM items',
        'UPDATE items SET id = 3',
        'SELECT old FROM recant.change',
        'SELECT new FROM recant.change',
        `SELECT recant.pass_fence('r', 1)`,
        `SELECT recant.mark_applied('r', 1, 1, NULL, 1, '{}')`,
        `SELECT recant.accept_holes('{1}', 'me', 'no')`,
        `SELECT recant.versions_of('{text}', '{a}')`,
      ],
    ],
    ...[stage.pools[1], stage.pools[2]].map(
      (pool) =>
        [
          pool,
          ['SELECT inner_key FROM recant.system', 'DELETE FROM recant.change', 'SELECT old FROM recant.capture', 'DELETE FROM recant.hole'],
        ] as const,
    ),
  ] as readonly (readonly [pg.Pool, readonly string[]])[])
    for (const sql of statements) await expect(pool.query(sql), sql).rejects.toThrow(/permission denied/);
});

test('naming other logins takes the rights of the former ones, on captured tables too, and gives agents nothing away', async () => {
  await using stage = await createStage(ITEMS, { agents: 4, prepare: false });
  const [agent = '', first = '', second = '', drain = ''] = stage.agents;
  await stage.owner.query(`REVOKE ALL ON items FROM ${first}, ${second}, ${drain}`);
  const rightsOf = async (login: string) =>
    (
      await stage.owner.query(
        `SELECT has_schema_privilege($1, 'recant', 'USAGE') AS schema, has_table_privilege($1, 'items', 'UPDATE') AS items,
           has_any_column_privilege($1, 'recant.change', 'SELECT') AS captured, has_function_privilege($1, 'recant.absorb()', 'EXECUTE') AS absorb,
           has_table_privilege($1, 'recant.batch', 'DELETE') AS batch`,
        [login],
      )
    ).rows[0];
  const [all, none] = [true, false].map((has) => ({ schema: has, items: has, captured: has, absorb: has, batch: has }));
  await stage.prepare({ agentRoles: [agent], undoLogin: first });
  expect(await rightsOf(first)).toEqual(all);
  await stage.prepare({ agentRoles: [agent], undoLogin: second, drainLogin: drain });
  expect(await rightsOf(first)).toEqual(none);
  expect(await rightsOf(second)).toEqual({ ...all, batch: false });
  expect(await rightsOf(drain)).toEqual({ ...all, items: false });
  await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  await stage.prepare({ agentRoles: [agent] });
  for (const login of [first, second, drain]) expect(await rightsOf(login), login).toEqual(none);
  await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'y'`));
});

test('an address of a drain login that is none is refused, and a second Recant is refused by ledger and tenant', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await stage.prepare({ ledger: 'one.example/acme' });
  for (const drainUrl of [7, 'http://x', 'postgres://x%00@y/z'])
    await expect(
      postgresConnector.open({ name: SYSTEM, connector: 'postgres', options: { url: stage.ownerUrl, drainUrl } }),
    ).rejects.toMatchObject({ code: 'options_invalid', message: expect.stringContaining('`drainUrl`') });
  await expect(stage.prepare({ ledger: 'one.example/globex' })).rejects.toMatchObject({ code: 'already_connected' });
  await stage.prepare({ ledger: 'one.example/acme' });
});
