import type { InverseResult } from '@recant/connector';
import { postgresConnector } from '@recant/connector-postgres';
import pg from 'pg';
import { drained } from '../../libs/connectors/postgres/test/drained.ts';
import { actionOf, SYSTEM, sourceOf, type Target } from './target.ts';

/** Undoes attempts `agent/n` in this order by the connector alone, each where it does not conflict. */
export async function undoByConnector(target: Target, order: readonly string[]): Promise<readonly InverseResult[]> {
  const pool = new pg.Pool({ connectionString: target.url, max: 1 });
  const system = await postgresConnector.open({ name: SYSTEM, connector: 'postgres', options: { url: target.url } });
  try {
    const steps = [];
    for (const [index, attempt] of order.entries()) {
      const [agent = 0, n = 0] = attempt.split('/').map(Number);
      const undoes = { source: sourceOf(agent), action: actionOf(agent, n), attempt: 1 };
      const effects = await drained(pool, SYSTEM, undoes);
      const inverse = { source: 'recant://recant/run', action: actionOf(900, index), attempt: 1 };
      steps.push({ step: index + 1, attempt: inverse, undoes, effects, knownOrdinals: {} });
    }
    return await system.invert({ run: 'run', token: '1', steps });
  } finally {
    await system.close();
    await pool.end();
  }
}
