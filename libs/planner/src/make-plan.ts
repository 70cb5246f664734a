import { ambiguousChanges, withoutAmbiguous } from './ambiguous.ts';
import { withoutIdle } from './cascade.ts';
import { withoutClaims } from './claims.ts';
import type { Exclusion } from './conflicts/decide-by-attempt.ts';
import type { Needs } from './conflicts/decide-by-timeline.ts';
import { conflictsOfExclusion, conflictsOfNeeds } from './conflicts/word-conflicts.ts';
import { orderSteps } from './order.ts';
import { modeFor, type Override } from './overrides.ts';
import { solveByRow } from './partial.ts';
import type { Conflict, LeftAttempt, PlanDraft, PlanOverride } from './plan.ts';
import { compareText, plainRef, refKey } from './ref.ts';
import { solve } from './solve.ts';
import { stepList } from './step-list.ts';
import { builtOn } from './taint.ts';
import { totalsOf } from './totals.ts';
import { undoingOf } from './undone.ts';
import { type Member, type PlanInput, viewOf, writes } from './view.ts';

/**
 * The plan for a selection. `steps` is the greatest set that can be undone without overwriting other attempts' work, in every mode. Mode `skip` runs
 * it; mode `refuse` only shows it and must not run while there is a conflict; in mode `cascade` the set includes dependents of selected attempts.
 * The result refers to the attempts and effects of `input`.
 */
export function plan(input: PlanInput): PlanDraft {
  const whole = viewOf(input);
  const undoing = undoingOf(whole);
  const apart = withoutAmbiguous(whole, undoing, input.selection);
  const refused = groupedBy(input.refused ?? [], ({ ref }) => refKey(ref));
  const claimed = withoutClaims(apart, undoing, input.systems);
  const { view, solved, rowConflicts } = input.partial
    ? solveByRow(claimed, undoing, input, refused)
    : { view: claimed, solved: solve(claimed, undoing, input, refused), rowConflicts: [] };
  const undone = withoutIdle(view, solved, input.throughReads === true);
  const steps = orderSteps(undone, solved.needs);
  const left: LeftAttempt[] = [];
  const conflicts: Conflict[] = [...rowConflicts];
  const staying = new Set<Member>();
  for (const member of view.members) {
    if (!member.selected || member.cascaded || undone.has(member)) continue;
    const { ref, agent, tool } = member.attempt;
    const exclusion = leftAmbiguous(solved.excluded.get(member), view.apart, member);
    const why = exclusion
      ? conflictsOfExclusion(member, exclusion)
      : conflictsOfNeeds(member, solved.needs.get(member) ?? NONE, (other) => !undone.has(other));
    conflicts.push(...why);
    if (!HARMLESS.has(exclusion?.reason ?? '')) staying.add(member);
    left.push({
      ref: plainRef(ref),
      agent,
      tool,
      reason: exclusion?.reason ?? 'skipped',
      detail: exclusion?.detail ?? why[0]?.detail ?? CYCLE,
    });
  }
  return {
    version: 1,
    tenant: input.tenant,
    mode: input.mode,
    selection: input.selection,
    vector: Object.fromEntries(Object.entries(input.vector).map(([shard, size]) => [shard, size.toString()])),
    sources: lastNumbers(input),
    steps: stepList(steps, solved.needs, view.members, input.overwrites),
    left,
    conflicts: input.mode === 'refuse' ? conflicts.map((conflict) => passedOver(conflict, input)) : conflicts,
    ambiguous: view.apart.map(ambiguousChanges),
    tainted: builtOn(view.members, undone, solved.standing),
    totals: totalsOf(view.members, undone, staying, undoing),
    ...(input.overrides && input.overrides.length > 0 && { overrides: input.overrides.map((override) => counted(override, input)) }),
    ...(input.partial && { partial: true as const }),
    ...(input.throughReads && { throughReads: true as const }),
    ...(input.derived && input.derived.length > 0 && { derived: input.derived }),
  };
}

/** A person lets conflicts of this attempt pass: they do not stop a plan in mode `refuse`. */
function passedOver(conflict: Conflict, input: PlanInput): Conflict {
  return modeFor(input, conflict.ref) === 'refuse' ? conflict : { ...conflict, passed: true };
}

function counted({ mode, where }: Override, { modes, selected }: PlanInput): PlanOverride {
  return { mode, where, attempts: selected.filter(({ ref }) => modes?.get(refKey(ref)) === mode).length };
}

/** Nothing of the attempt stays. */
const HARMLESS: ReadonlySet<string> = new Set<LeftAttempt['reason']>(['no_effect', 'already_undone', 'cancelled_out']);
const NONE: Needs = { first: new Set(), obstacles: [] };
const CYCLE = 'Cyclic dependency: this and another selected attempt overwrote each other.';

/** An attempt without any other effect is left because of its ambiguous ones. */
function leftAmbiguous(exclusion: Exclusion | undefined, apart: readonly Member[], { key, effects }: Member): Exclusion | undefined {
  if (exclusion === undefined || exclusion.conflict !== undefined || effects.some(writes)) return exclusion;
  const other = apart.find((member) => member.key === `${key} ambiguous`);
  if (other === undefined) return exclusion;
  const changes = `${other.effects.length} change${other.effects.length === 1 ? '' : 's'}`;
  return { reason: 'ambiguous', detail: `${changes} that somebody else may have made. Select them to undo them.` };
}

function lastNumbers(input: PlanInput): Readonly<Record<string, number>> {
  const last = new Map<string, number>();
  for (const { ref, sequence } of input.selected) last.set(ref.source, Math.max(last.get(ref.source) ?? 0, sequence));
  return Object.fromEntries([...last].sort(([a], [b]) => compareText(a, b)));
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
