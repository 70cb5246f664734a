import type { InverseResult } from '@recant/connector';
import type { ClientBase } from 'pg';
import { capturedById } from './captured.ts';

/** Results of the steps that took effect, ascending; their effects are read from the capture. */
export async function readApplied(client: ClientBase, system: string, run: string, steps: readonly number[]): Promise<InverseResult[]> {
  const { rows } = await client.query<{ attempt: string; result: InverseResult }>(
    'SELECT attempt::text, result FROM recant.applied WHERE run = $1 AND step = ANY ($2::int[]) ORDER BY step',
    [run, steps],
  );
  const results: InverseResult[] = [];
  for (const { attempt, result } of rows) {
    const effects = (await capturedById(client, system, attempt)).map((row) => row.effect);
    results.push({ ...result, effects });
  }
  return results;
}
