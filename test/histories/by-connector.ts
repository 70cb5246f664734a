import type { InverseResult } from '@recant/connector';
import { postgresConnector } from '@recant/connector-postgres';
import type { Effect } from '@recant/events';
import pg from 'pg';
import { type EffectRow, effectOf } from '../../libs/connectors/postgres/src/effect.ts';
import { actionOf, SYSTEM, sourceOf, type Target } from './target.ts';

const EFFECTS_SQL = `SELECT e.ordinal::text, e.schema_name, e.table_name, e.key, e.operation, e.parts, e.read FROM recant.attempt a
JOIN recant.effect e ON e.attempt = a.id WHERE (a.source, a.action, a.attempt) = ($1, $2, 1) ORDER BY e.ordinal`;

/** Undoes attempts `agent/n` in this order by the connector alone, each where it does not conflict. */
export async function undoByConnector(target: Target, order: readonly string[]): Promise<readonly InverseResult[]> {
  const pool = new pg.Pool({ connectionString: target.url, max: 1 });
  const system = await postgresConnector.open({ name: SYSTEM, connector: 'postgres', options: { url: target.url } });
  try {
    await pool.query('SELECT recant.absorb()');
    const steps = [];
    for (const [index, attempt] of order.entries()) {
      const [agent = 0, n = 0] = attempt.split('/').map(Number);
      const undoes = { source: sourceOf(agent), action: actionOf(agent, n), attempt: 1 };
      const { rows } = await pool.query<EffectRow>(EFFECTS_SQL, [undoes.source, undoes.action]);
      const effects: Effect[] = rows.map((row) => effectOf(SYSTEM, row));
      const inverse = { source: 'recant://recant/run', action: actionOf(900, index), attempt: 1 };
      steps.push({ step: index + 1, attempt: inverse, undoes, effects, knownOrdinals: {} });
    }
    return await system.invert({ run: 'run', token: '1', steps });
  } finally {
    await system.close();
    await pool.end();
  }
}
