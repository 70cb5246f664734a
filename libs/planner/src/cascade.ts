import { exclusionOf } from './conflicts/decide-by-attempt.ts';
import { modeFor } from './overrides.ts';
import type { RecordedAttempt } from './ports.ts';
import { compareReceived, refKey } from './ref.ts';
import { type Solved, solve } from './solve.ts';
import { taintOf } from './taint.ts';
import { EXISTS, type Mark, type Timeline } from './timeline.ts';
import { undoingOf } from './undone.ts';
import { type Member, type PlanInput, type View, viewOf, writes } from './view.ts';

/**
 * Attempts of others that would have to be undone with the selected ones, as far as `input.effects` shows: later writers of the same parts, transitively,
 * and with `throughReads` those that read them. Inverses of earlier runs and attempts that cannot be undone are no dependents: they stay conflicts.
 */
export function dependentsOf(input: PlanInput): readonly RecordedAttempt[] {
  const view = viewOf(input);
  const undoing = undoingOf(view);
  const solved = solve(view, undoing, input, new Map());
  const none = new Set<string>();
  const canFollow = (member: Member): boolean =>
    member.attempt.inverts === undefined && exclusionOf(member, undoing, () => false, none, input.systems) === undefined;
  const cascading = [...solved.needs.keys()].filter((member) => member.cascaded || modeFor(input, member.attempt.ref) === 'cascade');
  const chosen = new Set(cascading);
  const open = [...chosen];
  const reached = new Map<Timeline, number>();
  const add = (member: Member): void => {
    if (chosen.has(member) || !canFollow(member)) return;
    chosen.add(member);
    open.push(member);
  };
  do {
    for (let member = open.pop(); member !== undefined; member = open.pop())
      for (const line of linesOf(member, solved)) for (const later of laterThan(member, line, reached)) add(later);
    if (input.throughReads)
      for (const { ref } of taintOf(view.members, chosen, solved.standing)) {
        const reader = view.byKey.get(refKey(ref));
        if (reader) add(reader);
      }
  } while (open.length > 0);
  return [...chosen]
    .filter(({ selected, cascaded }) => !selected || cascaded)
    .map(({ attempt }) => attempt)
    .sort(compareReceived);
}

/** The steps without dependents that no selected attempt's undo needs. */
export function withoutIdle(view: View, { steps, needs, standing }: Solved, throughReads: boolean): ReadonlySet<Member> {
  const kept = new Set<Member>();
  const open = [...steps].filter(({ cascaded }) => !cascaded);
  do {
    for (let member = open.pop(); member !== undefined; member = open.pop()) {
      if (kept.has(member)) continue;
      kept.add(member);
      for (const other of needs.get(member)?.first ?? []) if (steps.has(other)) open.push(other);
    }
    if (throughReads)
      for (const { ref } of taintOf(view.members, kept, standing)) {
        const reader = view.byKey.get(refKey(ref));
        if (reader && steps.has(reader)) open.push(reader);
      }
  } while (open.length > 0);
  return kept;
}

function* linesOf(member: Member, { standing }: Solved): Generator<Timeline> {
  for (const effect of member.effects) {
    if (!writes(effect)) continue;
    const parts = standing.get(effect.resource);
    for (const part of Object.keys(effect.parts)) {
      const line = parts?.get(part);
      if (line) yield line;
    }
  }
}

/** Members with marks after the first one of `member`; each mark of a line is looked at once. @param reached lowest index looked at */
function* laterThan(member: Member, line: Timeline, reached: Map<Timeline, number>): Generator<Member> {
  const { marks } = line;
  const first = marks.findIndex((mark) => mark.member.key === member.key && mark.kind === 'write');
  const end = reached.get(line) ?? marks.length;
  if (first < 0 || first >= end) return;
  reached.set(line, first);
  const createsOrDeletes = line.part === EXISTS && marks.some((mark) => mark.member.key === member.key && mark.before !== mark.after);
  for (const mark of marks.slice(first + 1, end) as readonly Mark[]) if (mark.kind === 'write' || createsOrDeletes) yield mark.member;
}
