import type { ClientBase } from 'pg';
import type { EffectRow } from '../effect.ts';
import { KEYS_WITHOUT_TEXT } from '../install/key-types.ts';

/** Transactions looked at for one batch, and their changes; a single larger one is looked at by itself. */
const TRANSACTIONS_MAX = 500;
const CHANGES_MAX = 20_000;

/** A captured transaction of one login, ready to be described. */
export interface DrainedTransaction {
  /** Position in the order of absorption. */
  readonly n: string;
  readonly xid: string;
  readonly login: string;
  readonly epoch: number;
  readonly from: Date;
  readonly to: Date;
  /** First ordinal of each chunk of effects, and its bytes at most. */
  readonly cuts: readonly string[];
  readonly weights: readonly number[];
  /** Ordinal after all of its changes. */
  readonly end: string;
  readonly counted: readonly CountedTable[];
  readonly chunksDone: number;
  /** Absent: an outside writer. */
  readonly attempt: { readonly id: string; readonly source: string; readonly action: string; readonly attempt: number } | null;
  /** Agent that the login is registered for. */
  readonly agent: string | null;
}

export interface CountedTable {
  readonly schema: string;
  readonly table: string;
  readonly changes: number;
  readonly unknown: boolean;
}

/** Inverses are reported by the run that made them. */
const FORGET_INVERSES_SQL = `DELETE FROM recant.undrained u USING recant.attempt a WHERE a.id = u.attempt AND a.run IS NOT NULL`;

const READ_SQL = `
SELECT u.n::text, u.xid::text, u.login, u.epoch, u.from_at AS "from", u.to_at AS "to", u.cuts::text[], u.weights, (u.last_ordinal + 1)::text AS "end", u.counted, u.chunks_done AS "chunksDone",
  CASE WHEN a.id IS NOT NULL THEN json_build_object('id', a.id::text, 'source', a.source, 'action', a.action, 'attempt', a.attempt) END AS attempt,
  CASE WHEN a.id IS NOT NULL THEN coalesce(g.agent, u.login) END AS agent
FROM recant.undrained u LEFT JOIN recant.attempt a ON a.id = u.attempt LEFT JOIN recant.agent g ON g.login = u.login
WHERE u.cuts IS NOT NULL ORDER BY u.n LIMIT $1`;

/** The first transactions of the queue. The caller holds the lock of `recant.system`. */
export async function readTransactions(client: ClientBase): Promise<readonly DrainedTransaction[]> {
  await client.query(FORGET_INVERSES_SQL);
  await client.query('SELECT recant.cut_transactions($1, $2)', [TRANSACTIONS_MAX, CHANGES_MAX]);
  return (await client.query<DrainedTransaction>(READ_SQL, [TRANSACTIONS_MAX])).rows;
}

/** A chunk of effects of one transaction. */
export interface EffectRange {
  readonly attempt: string;
  readonly xid: string;
  readonly login: string;
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
}

/** An effect, and whether its key has a column of free text. */
export type DrainedEffect = EffectRow & { readonly textKey: boolean };

const EFFECTS_SQL = `
SELECT u.n::int AS n, e.ordinal::text, e.schema_name, e.table_name, e.key, e.operation, e.parts, e.read,
  EXISTS (SELECT FROM pg_catalog.unnest(s.key_positions) p WHERE s.types[p] <> ALL (${KEYS_WITHOUT_TEXT})) AS "textKey"
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY u(xid, login, attempt, low, high, n)
JOIN recant.effect e ON e.attempt = u.attempt AND e.ordinal >= u.low AND e.ordinal < u.high AND e.xid = u.xid::xid8 AND e.login = u.login::name JOIN recant.shape s ON s.id = e.shape ORDER BY u.n, e.ordinal`;

/** The effects of each range, ascending by ordinal. */
export async function readEffects(client: ClientBase, ranges: readonly EffectRange[]): Promise<readonly (readonly DrainedEffect[])[]> {
  const effects: DrainedEffect[][] = ranges.map(() => []);
  if (ranges.length === 0) return effects;
  const { rows } = await client.query<DrainedEffect & { n: number }>(EFFECTS_SQL, [
    ranges.map(({ xid }) => xid),
    ranges.map(({ login }) => login),
    ranges.map(({ attempt }) => attempt),
    ranges.map(({ from }) => from),
    ranges.map(({ to }) => to),
  ]);
  for (const row of rows) effects[row.n - 1]?.push(row);
  return effects;
}

/** From here on an inverse can name the attempt of a transaction that named none as the ledger names it. */
export async function nameTransactions(client: ClientBase, actions: ReadonlyMap<string, string>): Promise<void> {
  if (actions.size === 0) return;
  await client.query(
    `UPDATE recant.attempt a SET action = u.action FROM unnest($1::bigint[], $2::text[]) u(id, action) WHERE a.id = u.id AND a.action <> u.action`,
    [[...actions.keys()], [...actions.values()]],
  );
}

/** Records how much of each transaction is in a batch; finished ones leave the queue. */
export async function advance(
  client: ClientBase,
  done: readonly { readonly n: string; readonly chunksDone: number; readonly finished: boolean }[],
): Promise<void> {
  const finished = done.filter((one) => one.finished).map(({ n }) => n);
  await client.query('DELETE FROM recant.undrained WHERE n = ANY ($1::bigint[])', [finished]);
  for (const { n, chunksDone } of done.filter((one) => !one.finished))
    await client.query('UPDATE recant.undrained SET chunks_done = $2 WHERE n = $1', [n, chunksDone]);
}
