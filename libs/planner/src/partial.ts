import type { Needs } from './conflicts/decide-by-timeline.ts';
import { conflictsOfNeeds } from './conflicts/word-conflicts.ts';
import type { Conflict } from './plan.ts';
import { type Solved, solve } from './solve.ts';
import type { Undoing } from './undone.ts';
import { type Member, type PlanInput, type View, writes } from './view.ts';

/**
 * Solves, and splits each selected attempt that cannot be undone whole because of conflicts about some of its resources: those stay, as a member that is
 * not selected, and the others are undone. Repeated until no attempt is split any more; each round lets at least one more resource stay, so it ends.
 * An attempt whose resources are all in conflict is not split.
 */
export function solveByRow<V extends View>(
  whole: V,
  undoing: Undoing,
  input: PlanInput,
  refused: ReadonlyMap<string, readonly Conflict[]>,
): { readonly view: V; readonly solved: Solved; readonly rowConflicts: readonly Conflict[] } {
  const stays = new Map<string, Set<string>>();
  const changed = input.refusedRows?.rows ?? new Map<string, readonly string[]>();
  for (const [key, rows] of changed) stays.set(key, new Set(rows));
  const rowConflicts: Conflict[] = [...(input.refusedRows?.conflicts ?? [])];
  for (;;) {
    const view = withoutRows(whole, stays, changed);
    const solved = solve(view, undoing, input, refused);
    let isSplit = false;
    for (const member of view.members) {
      if (!member.selected || member.cascaded || solved.steps.has(member) || solved.excluded.has(member)) continue;
      const needs = solved.needs.get(member);
      const blocked = needs === undefined ? new Set<string>() : blockedBy(member, needs, solved.steps);
      const own = new Set(member.effects.filter(writes).map(({ resource }) => resource));
      if (needs === undefined || blocked.size === 0 || [...own].every((resource) => blocked.has(resource))) continue;
      rowConflicts.push(...conflictsOfNeeds(member, needs, (other) => !solved.steps.has(other)));
      stays.set(member.key, new Set([...(stays.get(member.key) ?? []), ...blocked]));
      isSplit = true;
    }
    if (!isSplit) return { view, solved, rowConflicts };
  }
}

/** Resources of a member that it cannot give back. Those that it shares with a later writer which stays: all of them. */
function blockedBy(member: Member, { first, obstacles }: Needs, steps: ReadonlySet<Member>): ReadonlySet<string> {
  const blocked = new Set(obstacles.map(({ resource }) => resource));
  const own = new Set(member.effects.filter(writes).map(({ resource }) => resource));
  for (const other of first) if (!steps.has(other)) for (const { resource } of other.effects) if (own.has(resource)) blocked.add(resource);
  return blocked;
}

function withoutRows<V extends View>(
  view: V,
  stays: ReadonlyMap<string, ReadonlySet<string>>,
  changed: ReadonlyMap<string, readonly string[]>,
): V {
  if (stays.size === 0) return view;
  const byKey = new Map(view.byKey);
  const members = view.members.flatMap((member): Member[] => {
    const rows = stays.get(member.key);
    if (rows === undefined || !member.selected || byKey.get(member.key) !== member) return [member];
    // A member without any effect left would look like one that had none.
    if (member.effects.every((effect) => !writes(effect) || rows.has(effect.resource))) return [member];
    const refused = changed.get(member.key);
    const rest: Member = {
      ...member,
      effects: member.effects.filter(({ resource }) => !rows.has(resource)),
      stays: [...rows].sort(),
      ...(refused && { changed: [...refused].sort() }),
    };
    byKey.set(member.key, rest);
    const staying = member.effects.filter(({ resource }) => rows.has(resource));
    return [rest, { key: `${member.key} stays`, attempt: member.attempt, effects: staying, selected: false }];
  });
  return { ...view, members, byKey };
}
