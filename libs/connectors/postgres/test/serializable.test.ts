import pg from 'pg';
import { expect, test } from 'vitest';
import { playInterleaved } from './interleaved.ts';
import { createStage, nextAction, type Stage } from './stage.ts';

const ROWS = 40;
const CLIENTS = 8;
const TRANSACTIONS = 150;
/** Room for every version, so that no update moves to another page. */
const TABLES = ['plain', 'captured', 'named']
  .map(
    (table) => `CREATE TABLE ${table} (id int PRIMARY KEY, n int NOT NULL DEFAULT 0) WITH (fillfactor = 10, autovacuum_enabled = off);
  INSERT INTO ${table} SELECT g FROM generate_series(1, ${ROWS}) g`,
  )
  .join(';');

const agentClients = (stage: Stage, count: number): Promise<pg.Client[]> => {
  const [login] = stage.agents;
  const connectionString = Object.assign(new URL(stage.ownerUrl), { username: login, password: login }).href;
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      return client;
    }),
  );
};

test('I15: the same interleavings of SERIALIZABLE transactions fail with capture as without it, whether they name attempts or not', async () => {
  await using stage = await createStage(TABLES, { prepare: false });
  await stage.prepare({ tables: ['public.captured', 'public.named'] });
  await stage.owner.query('DROP TRIGGER zz_recant_0_mark_row ON plain; DROP TRIGGER zz_recant_0_mark_truncate ON plain');
  const clients = await agentClients(stage, CLIENTS);
  try {
    const first = () => `SELECT recant.name_attempt('recant://agent0/1', '${nextAction()}', 1)`;
    await clients[0]?.query(first());
    for (const seed of [1, 2, 3]) {
      const schedule = { monitor: stage.owner, rows: ROWS, seed };
      const plain = await playInterleaved(clients, TRANSACTIONS, { ...schedule, table: 'plain' });
      const captured = await playInterleaved(clients, TRANSACTIONS, { ...schedule, table: 'captured' });
      const named = await playInterleaved(clients, TRANSACTIONS, { ...schedule, table: 'named', first });
      expect(plain).toMatch(/c.*[123]/);
      expect({ seed, captured, named }).toEqual({ seed, captured: plain, named: plain });
    }
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});

test('the first transactions of a source do not wait for each other; an attempt’s later ones join it', async () => {
  await using stage = await createStage(TABLES);
  const clients = await agentClients(stage, 3);
  const [one, other] = [nextAction(), nextAction()];
  try {
    for (const [n, action] of [one, other, other].entries()) {
      // A transaction that waited would fail here.
      await clients[n]?.query(
        `SET lock_timeout = '10s'; BEGIN; SELECT recant.name_attempt('recant://agent0/1', '${action}', 1); UPDATE plain SET n = ${n} WHERE id = ${n + 1}`,
      );
      if (n === 1) await clients[n]?.query('COMMIT');
    }
    for (const client of clients) await client.query('COMMIT');
    await expect(stage.pools[1]?.query(`SELECT recant.open_attempt('recant://agent0/1', '${nextAction()}', 1)`)).rejects.toMatchObject({
      code: '42501',
    });
    await clients[0]?.query(`SELECT recant.settle_attempt('recant://agent0/1', '${one}', 1)`);
    await expect(clients[0]?.query(`SELECT recant.name_attempt('recant://agent0/1', '${one}', 1)`)).rejects.toMatchObject({
      code: '55000',
    });
    await stage.owner.query('SELECT recant.absorb()');
    const { rows } = await stage.owner.query(
      'SELECT a.action, count(*)::int AS n FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt GROUP BY 1 ORDER BY 1',
    );
    expect(rows).toEqual([
      { action: one, n: 1 },
      { action: other, n: 2 },
    ]);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});
