import { groupBy } from '../install/group-by.ts';
import { EXISTS } from '../resource.ts';
import { byOrdinal, type Captured } from './captured.ts';
import type { ChosenStep } from './choose-set.ts';
import { resourceOf, sideEffects } from './goal.ts';
import type { Registry } from './registry.ts';
import { type Active, writtenParts } from './statement.ts';

/**
 * Gives each change that the target captured to the step that made it. A row has exactly one change for each step that wrote it, in the order of the steps, from what the
 * step found to what it goes back to.
 * @returns changes of each step, ascending; undefined: the target did something else or more
 */
export function matchChanges(
  registry: Registry,
  chosen: readonly ChosenStep[],
  written: readonly Captured[],
): ReadonlyMap<ChosenStep, readonly Captured[]> | undefined {
  const byRow = groupBy(written, (change) => {
    const table = registry.relation(change.relation);
    return table === undefined ? '' : resourceOf(registry, table, change.key);
  });
  const next = new Map<string, number>();
  const matched = new Map<ChosenStep, Captured[]>();
  for (const one of chosen) {
    const own: Captured[] = [];
    for (const [resource, active] of one.active) {
      const at = next.get(resource) ?? 0;
      const change = byRow.get(resource)?.[at];
      if (change === undefined || !isAsPlanned(registry, active, change)) return undefined;
      next.set(resource, at + 1);
      own.push(change);
    }
    if (sideEffects(registry, one.goal, own).length > 0) return undefined;
    matched.set(one, own.sort(byOrdinal));
  }
  const given = [...matched.values()].reduce((sum, own) => sum + own.length, 0);
  return given === written.length ? matched : undefined;
}

/** The trigger saw the row's new version: what is written over by a later step of the set is read back by it. */
function isAsPlanned(registry: Registry, { goal, parts }: Active, change: Captured): boolean {
  const versions = new Map(writtenParts(registry, change));
  if (versions.has(EXISTS) !== parts.has(EXISTS)) return false;
  const isGone = goal.parts.get(EXISTS)?.before === null;
  for (const part of parts) {
    const { before, after } = goal.parts.get(part) ?? { before: null, after: null };
    const captured = versions.get(part);
    // Parts of a row that goes include columns that were dropped since.
    if (captured === undefined ? !isGone : captured.after !== before || captured.before !== after) return false;
  }
  return true;
}
