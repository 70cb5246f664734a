import type { InverseResult, InverseStep, TargetSystem } from '@recant/connector';
import { postgresConnector } from '@recant/connector-postgres';
import pg from 'pg';
import { drained } from '../../libs/connectors/postgres/test/drained.ts';
import { actionOf, SYSTEM, sourceOf, type Target } from './target.ts';

/** What each attempt `agent/n` of this order would end as, without a write: what mode `refuse` asks before its first one. */
export function rehearseByConnector(target: Target, order: readonly string[]): Promise<readonly InverseResult[]> {
  return withSystem(target, order, (system, steps) => system.rehearse(steps));
}

/** Undoes attempts in this order by the connector alone, each where it does not conflict. */
export function undoByConnector(target: Target, order: readonly string[]): Promise<readonly InverseResult[]> {
  return withSystem(target, order, (system, steps) => system.invert({ run: 'run', token: '1', steps }));
}

async function withSystem<T>(
  target: Target,
  order: readonly string[],
  work: (system: TargetSystem, steps: readonly InverseStep[]) => Promise<T>,
): Promise<T> {
  const pool = new pg.Pool({ connectionString: target.url, max: 1 });
  // The pool's end resolves before its socket is closed, and the database is then dropped by force.
  pool.on('connect', (client) => void client.on('error', () => undefined));
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
    return await work(system, steps);
  } finally {
    await system.close();
    await pool.end();
  }
}
