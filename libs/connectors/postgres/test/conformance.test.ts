import { connectorConformance, type WorldOp } from '@recant/connector/conformance';
import { type PostgresClient, type PostgresHandle, postgresSystem } from '../src/index.ts';
import { drained } from './drained.ts';
import { createStage, SYSTEM } from './stage.ts';

const SCHEMA = `CREATE TABLE items (name text PRIMARY KEY, value text NOT NULL, length int GENERATED ALWAYS AS (length(value)) STORED)`;

const SQL: Readonly<Record<WorldOp['kind'], string>> = {
  create: 'INSERT INTO items VALUES ($1, $2)',
  change: 'UPDATE items SET value = $2 WHERE name = $1',
  remove: 'DELETE FROM items WHERE name = $1',
  touch: 'UPDATE items SET value = value WHERE name = $1',
};

async function act(client: Pick<PostgresClient, 'query'>, ops: readonly WorldOp[]): Promise<void> {
  for (const op of ops) await client.query(SQL[op.kind], 'value' in op ? [op.item, op.value] : [op.item]);
}

connectorConformance<PostgresHandle>({
  name: 'postgres',
  timeoutMs: 60_000,
  async setUp(initial) {
    const stage = await createStage(SCHEMA, { agents: 1 });
    for (const [name, value] of Object.entries(initial)) await stage.owner.query(SQL.create, [name, value]);
    const resourceOf = (item: string) => `postgres://${SYSTEM}/public.items/${item}`;
    const [pool] = stage.pools;
    if (pool === undefined) throw new Error('one agent');
    const names = await stage.owner.query('SELECT current_user AS owner');
    return {
      capturing: postgresSystem({ name: SYSTEM, pool }),
      drained: (ref) => drained(stage.owner, SYSTEM, ref),
      target: await stage.open(),
      reopen: () => stage.open(),
      perform: (handle, ops) => handle.transaction((tx) => act(tx, ops)),
      outside: (ops) => act(stage.owner, ops),
      resourceOf,
      async snapshot() {
        const { rows } = await stage.owner.query<{ name: string; value: string }>('SELECT * FROM items ORDER BY name');
        return Object.fromEntries(rows.map((row) => [row.name, JSON.stringify(row)]));
      },
      async blind() {
        // An owner can revoke its own right to read a table.
        await stage.owner.query(`REVOKE ALL ON items FROM ${names.rows[0].owner}`);
        return async () => {
          await stage.owner.query(`GRANT ALL ON items TO ${names.rows[0].owner}`);
        };
      },
      hostileResources: [
        `postgres://${SYSTEM}/pg_catalog.pg_class/1`,
        `postgres://${SYSTEM}/recant.system/true`,
        `postgres://${SYSTEM}/public.items;drop%20table%20items/a`,
        `postgres://${SYSTEM}/public.items%22%3B%20DROP%20TABLE%20items%3B%20--/a`,
        `postgres://${SYSTEM}/public.items/a,b`,
        `postgres://${SYSTEM}/public.items/%61`,
        `postgres://${SYSTEM}/public.items/a%00`,
        `postgres://${SYSTEM}/items/a`,
        `postgres://${SYSTEM}/public.items/`.padEnd(2_000, 'a'),
      ],
      tearDown: () => stage[Symbol.asyncDispose](),
    };
  },
});
