import type { ClientBase } from 'pg';
import { EXISTS } from '../resource.ts';
import type { RowGoal, StepGoal } from './goal.ts';
import { type LaterWrites, laterWriteOf } from './later-writes.ts';
import type { Versions } from './live.ts';
import type { Registry } from './registry.ts';

/** Positions of one change whose values the inverse found as they go back to. */
interface Confirmed {
  readonly change: string;
  readonly written: readonly number[];
}

/**
 * Parts on which the attempt had no net effect and nobody wrote since: its inverse leaves them, and its record carries them all the same. Else undoing the
 * inverse would not see that an earlier writer of an equal value was undone in between.
 */
export function confirmedParts(
  registry: Registry,
  goal: StepGoal,
  live: ReadonlyMap<string, Versions>,
  later: LaterWrites,
): readonly Confirmed[] {
  return [...goal.rows.values()].flatMap((row) => {
    const versions = live.get(row.resource);
    return versions === undefined ? [] : confirmedOf(registry, row, versions, later);
  });
}

function confirmedOf(registry: Registry, row: RowGoal, live: Versions, later: LaterWrites): readonly Confirmed[] {
  const byChange = new Map<string, number[]>();
  for (const [part, { before, after, ordinal, obstacle }] of row.parts) {
    const isLeft = part !== EXISTS && obstacle === undefined && before === after && live.get(part) === before;
    if (!isLeft || laterWriteOf(row, part, later) !== undefined) continue;
    const change = row.effects.find((one) => BigInt(one.ordinal) === ordinal);
    const position = change === undefined ? 0 : (registry.shape(change.shape)?.parts.indexOf(part) ?? -1) + 1;
    if (change !== undefined && position > 0) byChange.set(change.ordinal, [...(byChange.get(change.ordinal) ?? []), position]);
  }
  return [...byChange].map(([change, written]) => ({ change, written: written.sort((a, b) => a - b) }));
}

/** Records them as effects of the inverse that change nothing. */
export async function recordConfirmed(client: ClientBase, inverse: string, confirmed: readonly Confirmed[]): Promise<void> {
  if (confirmed.length > 0) await client.query('SELECT recant.confirm_parts($1, $2)', [inverse, JSON.stringify(confirmed)]);
}
