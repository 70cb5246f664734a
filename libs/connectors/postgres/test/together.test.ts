import type { InverseBatch, InverseResult } from '@recant/connector';
import fc from 'fast-check';
import type { ClientBase } from 'pg';
import { expect, test, vi } from 'vitest';
import type { PostgresClient } from '../src/index.ts';
import { undoSteps } from '../src/undo/invert.ts';
import { readRegistry } from '../src/undo/registry.ts';
import { inStepTransaction } from '../src/undo/session.ts';
import { createStage, type Played, type Stage, SYSTEM, undo } from './stage.ts';

/** Orders have a trigger that counts them in a derived column, and one that refuses; notes have a time that a trigger assigns. */
const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, name int, level int UNIQUE, orders int NOT NULL DEFAULT 0);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE, price int);
CREATE TABLE stock (id int PRIMARY KEY, n int, shelf int UNIQUE);
CREATE TABLE notes (id int PRIMARY KEY, customer int, text text, at timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE FUNCTION count_orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE customers SET orders = orders + 1 WHERE id = NEW.customer AND TG_OP = 'INSERT';
  UPDATE customers SET orders = orders - 1 WHERE id = OLD.customer AND TG_OP = 'DELETE';
  RETURN NULL; END $$;
CREATE TRIGGER count_orders AFTER INSERT OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION count_orders();
CREATE TABLE refusing (price int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM refusing r WHERE r.price = NEW.price) THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse()`;
const DERIVED = ['public.customers.orders', 'public.notes.at'];
const TABLES = ['customers', 'orders', 'notes', 'stock'] as const;
const START = `DELETE FROM refusing; DELETE FROM notes; DELETE FROM orders; DELETE FROM customers; DELETE FROM stock;
INSERT INTO stock SELECT g, 0, g * 100 FROM generate_series(1, 4) g;
INSERT INTO customers (id, name, level) SELECT g, 0, g * 100 FROM generate_series(1, 4) g;
INSERT INTO orders SELECT g, g, 0 FROM generate_series(1, 4) g; INSERT INTO notes SELECT g, g, 'a' FROM generate_series(1, 4) g`;

type Op = readonly [sql: string, ...values: (number | string)[]];
const id = fc.integer({ min: 1, max: 5 });
const value = fc.integer({ min: 0, max: 3 });
const level = fc.integer({ min: 1, max: 5 }).map((n) => n * 100);
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(fc.constant('UPDATE customers SET name = $2 WHERE id = $1'), id, value),
  fc.tuple(fc.constant('UPDATE customers SET name = name + 1 WHERE id = 1')),
  fc.tuple(fc.constant('UPDATE customers SET level = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM customers WHERE level = $2)'), id, level),
  fc.tuple(fc.constant('UPDATE orders SET price = $2 WHERE id = $1'), id, value),
  fc.tuple(fc.constant('UPDATE notes SET text = $2 WHERE id = $1'), id, fc.constantFrom('a', 'b', 'c')),
  fc.tuple(fc.constant('DELETE FROM orders WHERE id = $1'), id),
  fc.tuple(fc.constant('DELETE FROM notes WHERE id = $1'), id),
  fc.tuple(fc.constant('DELETE FROM customers WHERE id = $1'), id),
  fc.tuple(fc.constant('INSERT INTO customers (id, name, level) VALUES ($1, $2, $1 * 100) ON CONFLICT DO NOTHING'), id, value),
  fc.tuple(fc.constant('INSERT INTO orders VALUES ($1, (SELECT id FROM customers WHERE id = $2), 0) ON CONFLICT DO NOTHING'), id, id),
  fc.tuple(fc.constant('INSERT INTO notes (id, text) VALUES ($1, $2) ON CONFLICT DO NOTHING'), id, fc.constantFrom('a', 'b', 'c')),
  fc.tuple(fc.constant('UPDATE customers SET id = 6 WHERE id = $1 AND NOT EXISTS (SELECT FROM customers WHERE id = 6)'), id),
);
/** Of a table without triggers. */
const plain: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(fc.constant('UPDATE stock SET n = $2 WHERE id = $1'), id, value),
  fc.tuple(fc.constant('UPDATE stock SET n = n + 1')),
  fc.tuple(fc.constant('UPDATE stock SET shelf = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM stock WHERE shelf = $2)'), id, level),
  fc.tuple(fc.constant('DELETE FROM stock WHERE id = $1'), id),
  fc.tuple(fc.constant('INSERT INTO stock VALUES ($1, $2, $1 * 100) ON CONFLICT DO NOTHING'), id, value),
  fc.tuple(fc.constant('UPDATE stock SET id = 6 WHERE id = $1 AND NOT EXISTS (SELECT FROM stock WHERE id = 6)'), id),
);
const history = fc.record({
  attempts: fc.array(
    fc.record({ agent: fc.integer({ min: 0, max: 1 }), ops: fc.array(fc.oneof(op, plain, plain), { minLength: 1, maxLength: 3 }) }),
    {
      minLength: 2,
      maxLength: 10,
    },
  ),
  /** Changes of nobody's attempt, and prices that the target refuses from then on. */
  outside: fc.array(fc.oneof(op, plain), { maxLength: 2 }),
  refused: fc.option(value, { freq: 3 }),
  kept: fc.array(fc.nat({ max: 9 }), { maxLength: 2 }),
});

/** Of the default run the histories are always the same, so that it is known what they reach. */
const RUNS = process.env.TOGETHER_RUNS;

const runAll = async (client: Pick<PostgresClient, 'query'>, ops: readonly Op[]) => {
  for (const [sql, ...values] of ops) await client.query(sql, values);
};

/** What a person or a later run can see, without times: rows, marks, and whose change each is. */
async function state(client: ClientBase, run: string) {
  const rows = [];
  for (const table of TABLES) rows.push((await client.query(`SELECT to_jsonb(t) - 'at' AS row FROM public.${table} t ORDER BY id`)).rows);
  const marks = await client.query(
    `SELECT p.step, p.token, p.result - 'findings' AS result, p.undoes, p.attempt IS NOT NULL AS wrote, a.step AS attempt_step
     FROM recant.applied p LEFT JOIN recant.attempt a ON a.id = p.attempt WHERE p.run = $1 ORDER BY p.step`,
    [run],
  );
  const changes = await client.query(
    `SELECT a.step, c.relation, c.key, c.operation, c.written, c.old IS NOT NULL AS old, c.new IS NOT NULL AS new FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt
     WHERE a.run = $1 ORDER BY a.step, c.relation, c.key, c.ordinal`,
    [run],
  );
  return { rows, marks: marks.rows, changes: changes.rows };
}

/** Without what differs from run to run: ordinals, and times in words. */
const comparable = (results: readonly InverseResult[]) =>
  results.map(({ effects, findings, ...result }) => ({
    ...result,
    findings: findings.map(({ detail, ...finding }) => ({ ...finding, detail: detail.replace(/ at \S+Z/, ' at TIME') })),
    effects: effects
      .map(({ ordinal: _ordinal, compensation: _images, parts, ...effect }) => ({ ...effect, parts: Object.entries(parts).sort() }))
      .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
  }));

/** In a transaction that is rolled back. @param tables whose steps are undone by themselves */
async function undone(stage: Stage, batch: InverseBatch, tables: readonly number[]) {
  let [together, mirrored] = [0, 0];
  return inStepTransaction(
    stage.owner,
    async (client) => {
      const registry = await readRegistry(client, SYSTEM);
      const results = new Map<number, InverseResult>();
      const query = vi.spyOn(client, 'query');
      const how = { waits: true, lone: new Set(tables), budgetMs: Number.POSITIVE_INFINITY };
      await undoSteps(client, registry, batch, batch.steps, results, how);
      for (const [text, values] of query.mock.calls as unknown as [string, unknown[][]][]) {
        if (text.includes('AS mirrored')) mirrored += values[0]?.length ?? 0;
        if (text.includes('mark_all_applied')) together += values[3]?.filter((inverse) => inverse !== null).length ?? 0;
      }
      query.mockRestore();
      const ends = comparable(batch.steps.flatMap(({ step }) => results.get(step) ?? []));
      return { together, mirrored, ends, state: await state(client, batch.run) };
    },
    { rollBack: true },
  );
}

async function playAll(stage: Stage, attempts: readonly { readonly agent: number; readonly ops: readonly Op[] }[]): Promise<Played[]> {
  const played: Played[] = [];
  for (const { agent, ops } of attempts) played.push(await stage.play(agent, (tx) => runAll(tx, ops)));
  return played;
}

const idsOf = async (stage: Stage): Promise<number[]> =>
  (await stage.owner.query('SELECT id FROM recant.relation')).rows.map((row) => row.id);

test('I5, I6, I7: steps undone together end, write and are recorded as each by itself, beside conflicts, triggers and refusals', {
  timeout: RUNS === undefined ? 300_000 : 3_600_000,
}, async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  await stage.prepare({ derived: DERIVED });
  const everything = await idsOf(stage);
  const seen = { together: 0, mirrored: 0, alone: 0, bad: 0 };
  const property = fc.asyncProperty(history, async ({ attempts, outside, refused, kept }) => {
    await stage.owner.query(START);
    const played = await playAll(stage, attempts);
    await runAll(stage.owner, outside);
    if (refused !== null) await stage.owner.query('INSERT INTO refusing VALUES ($1)', [refused]);
    const batch = undo(played.filter((_, n) => !kept.includes(n)).toReversed(), { knowsToo: played });
    const alone = await undone(stage, batch, everything);
    const together = await undone(stage, batch, []);
    expect(together.ends).toEqual(alone.ends);
    expect(together.state).toEqual(alone.state);
    expect([alone.together, alone.mirrored]).toEqual([0, 0]);
    seen.mirrored += together.mirrored;
    seen.together += together.together;
    seen.alone += batch.steps.length - together.together;
    seen.bad += alone.ends.filter(({ outcome }) => outcome === 'conflicted').length;
  });
  await fc.assert(
    property,
    RUNS === undefined ? { numRuns: 30, seed: 1, endOnFailure: true } : { numRuns: Number(RUNS), endOnFailure: true },
  );
  expect(Math.min(seen.together, seen.mirrored, seen.alone, seen.bad)).toBeGreaterThan(10);
});
