import type { AttemptRef, Effect } from '@recant/events';
import type pg from 'pg';
import { type EffectRow, effectOf } from '../src/effect.ts';

const EFFECTS_SQL = `SELECT e.ordinal::text, e.schema_name, e.table_name, e.key, e.operation, e.parts, e.read
  FROM recant.attempt a JOIN recant.effect e ON e.attempt = a.id WHERE (a.source, a.action, a.attempt) = ($1, $2, $3) ORDER BY e.ordinal`;

/** What the drain will report of an attempt (`drain.test.ts` compares them), leaving it to be drained. @param owner a client of the login that prepared it */
export async function drained(owner: Pick<pg.Pool, 'query'>, system: string, ref: AttemptRef): Promise<Effect[]> {
  await owner.query('SELECT recant.absorb()');
  const { rows } = await owner.query<EffectRow>(EFFECTS_SQL, [ref.source, ref.action, ref.attempt]);
  return rows.map((row) => effectOf(system, row));
}
