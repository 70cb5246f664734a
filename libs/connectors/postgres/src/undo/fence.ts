import type { InverseResult } from '@recant/connector';
import { type ClientBase, escapeLiteral, type Pool } from 'pg';
import { readApplied } from './applied.ts';
import { inStepTransaction, withPatience } from './session.ts';

/** How sessions of a run are known in the target: also to an operator who looks what hangs. */
export const applicationOf = (run: string, token: string): string => `recant-run/${run}/${token}`;

/** Sessions of this login that work on the run under the same claim or an older one: the worker that started them waits no more. */
const END_OLDER = `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
WHERE a.usename = session_user AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND starts_with(a.application_name, $1) AND substr(a.application_name, length($1) + 1) ~ '^[0-9]{1,18}$'
  AND substr(a.application_name, length($1) + 1)::numeric <= $2::numeric`;

/** Holds the run's row until the transaction ends: batches of one run follow one another, and an older claim is turned away. */
export async function passFence(client: ClientBase, run: string, token: string): Promise<boolean> {
  const statement = `SELECT recant.pass_fence(${escapeLiteral(run)}, ${escapeLiteral(token)}) AS passed`;
  const [row] = await withPatience<{ passed: boolean }>(client, statement);
  return row?.passed === true;
}

/**
 * Results of steps that took effect. First ends what still works on them, a statement that hangs included, and takes the fence: a transaction whose commit is
 * under way ends before the answer, and none of an older claim takes effect after it.
 */
export async function settleApplied(
  pool: Pool,
  system: string,
  run: string,
  steps: readonly number[],
  token: string,
): Promise<InverseResult[]> {
  if (steps.length === 0) return [];
  return inStepTransaction(pool, async (client) => {
    await client.query(END_OLDER, [applicationOf(run, ''), token]);
    await passFence(client, run, token);
    return readApplied(client, system, run, steps);
  });
}
