import type { InverseResult } from '@recant/connector';
import type { ClientBase } from 'pg';
import { capturedByIds } from './captured.ts';

/** Results of the steps that took effect, ascending; their effects are read from the capture. */
export async function readApplied(client: ClientBase, system: string, run: string, steps: readonly number[]): Promise<InverseResult[]> {
  const { rows } = await client.query<{ attempt: string | null; result: InverseResult }>(
    'SELECT attempt::text, result FROM recant.applied WHERE run = $1 AND step = ANY ($2::int[]) ORDER BY step',
    [run, steps],
  );
  const captured = await capturedByIds(
    client,
    system,
    rows.flatMap(({ attempt }) => attempt ?? []),
  );
  return rows.map(({ attempt, result }) => ({ ...result, effects: (captured.get(attempt ?? '') ?? []).map(({ effect }) => effect) }));
}
