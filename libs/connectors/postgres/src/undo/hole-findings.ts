import type { Finding } from '@recant/connector';
import { describeHole, type Hole } from '../install/holes.ts';
import type { StepGoal } from './goal.ts';

/** One finding for each hole after a step's first change of a table. `refused`: nobody has accepted the hole. */
export function holeFindings(
  goal: StepGoal,
  holes: readonly Hole[],
): { readonly refused: readonly Finding[]; readonly accepted: readonly Finding[] } {
  const found = holes.flatMap((hole) => {
    const row = [...goal.rows.values()].find(
      ({ captured, first }) => captured.relation === hole.relation && BigInt(first.ordinal) < hole.lastOrdinal,
    );
    if (row === undefined) return [];
    const by = hole.acceptedBy === null ? '' : ` (accepted by ${hole.acceptedBy})`;
    const detail = `${describeHole(hole)}${by}.`;
    return [{ hole, finding: { resource: row.resource, part: 'exists', code: 'capture_incomplete' as const, detail } }];
  });
  const of = (accepted: boolean) => found.filter(({ hole }) => (hole.acceptedBy !== null) === accepted).map(({ finding }) => finding);
  return { refused: of(false), accepted: of(true) };
}
