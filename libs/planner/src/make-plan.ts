import { ambiguousChanges, withoutAmbiguous } from './ambiguous.ts';
import { withoutClaims } from './claims.ts';
import { cancelledPairs, type Exclusion, exclusionByTarget, exclusionOf } from './conflicts/decide-by-attempt.ts';
import { enclosures, type Needs, needsOf } from './conflicts/decide-by-timeline.ts';
import { undoable } from './conflicts/undoable.ts';
import { conflictsOfExclusion, conflictsOfNeeds } from './conflicts/word-conflicts.ts';
import { orderSteps } from './order.ts';
import type { Conflict, LeftAttempt, PlanBody, PlanStep } from './plan.ts';
import { compareText, plainRef, refKey } from './ref.ts';
import { knownOrdinals, stepSystems } from './steps.ts';
import { taintOf } from './taint.ts';
import { type Timelines, timelinesOf, timelinesWithout } from './timeline.ts';
import { type Undoing, undoingOf } from './undone.ts';
import { reachedBeyond, unknownBeside } from './unknown-effects.ts';
import { type Member, type PlanInput, type View, viewOf, writes } from './view.ts';

/**
 * The plan for a selection. `steps` is the greatest set that can be undone without overwriting other attempts' work, in both modes. Mode `skip` runs
 * it; mode `refuse` only shows it and must not run while there is a conflict.
 */
export function plan(input: PlanInput): PlanBody {
  const whole = viewOf(input);
  const undoing = undoingOf(whole);
  const view = withoutClaims(withoutAmbiguous(whole, undoing, input.selection), undoing, input.systems);
  const refused = Map.groupBy(input.refused ?? [], ({ ref }) => refKey(ref));
  const solved = solve(view, undoing, input.systems, refused);
  const steps = orderSteps(solved.steps, solved.needs);
  const left: LeftAttempt[] = [];
  const conflicts: Conflict[] = [];
  for (const member of view.members) {
    if (!member.selected || solved.steps.has(member)) continue;
    const { ref, agent, tool } = member.attempt;
    const exclusion = leftAmbiguous(solved.excluded.get(member), view.apart, member);
    const why = exclusion
      ? conflictsOfExclusion(member, exclusion)
      : conflictsOfNeeds(member, solved.needs.get(member) ?? NONE, (other) => !solved.steps.has(other));
    conflicts.push(...why);
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
    steps: numbered(steps, solved.needs, view),
    left,
    conflicts,
    ambiguous: view.apart.map(ambiguousChanges),
    tainted: taintOf(view.members, solved.steps, solved.standing),
    ...(input.derived && input.derived.length > 0 && { derived: input.derived }),
  };
}

const NONE: Needs = { first: new Set(), obstacles: [] };
const CYCLE = 'Cyclic dependency: this and another selected attempt overwrote each other.';

interface Solved {
  readonly steps: ReadonlySet<Member>;
  readonly excluded: ReadonlyMap<Member, Exclusion>;
  readonly needs: ReadonlyMap<Member, Needs>;
  /** Without attempts that cancel out with their inverse. */
  readonly standing: Timelines;
}

/**
 * A selected inverse that cannot be undone remains in effect, so it cancels out with its original again, which can free other attempts: repeated without
 * that inverse until nothing changes. Each round removes at least one, so it ends.
 */
function solve(
  view: View,
  undoing: Undoing,
  systems: ReadonlyMap<string, string>,
  refused: ReadonlyMap<string, readonly Conflict[]>,
): Solved {
  const remaining = new Set<Member>();
  const reasons = new Map<Member, { excluded?: Exclusion; needs?: Needs }>();
  const all = timelinesOf(view.members);
  for (;;) {
    const isSelected = (member: Member): boolean => member.selected && !remaining.has(member);
    const cancelled = cancelledPairs(view.members, undoing, isSelected);
    const excluded = new Map<Member, Exclusion>();
    const candidates: Member[] = [];
    for (const member of view.members) {
      if (!isSelected(member)) continue;
      const reason = exclusionOf(member, undoing, isSelected, cancelled, systems) ?? exclusionByTarget(refused.get(member.key));
      if (reason) excluded.set(member, reason);
      else candidates.push(member);
    }
    const chosen = new Set(candidates);
    const dropped = new Set(view.members.filter((member) => dropsOut(member, view, undoing, chosen)));
    const standing = timelinesWithout(dropped, all);
    const closing = new Set([...dropped].filter((member) => member.attempt.inverts && undoing.standingInversesOf(member).length === 0));
    const needs = withEnclosures(needsOf(candidates, standing), all, closing);
    const steps = undoable(needs);
    const blocked = candidates.filter((member) => !steps.has(member) && member.attempt.inverts !== undefined);
    if (blocked.length === 0)
      return { steps, excluded: merged(excluded, reasons, 'excluded'), needs: merged(needs, reasons, 'needs'), standing };
    for (const member of blocked) {
      remaining.add(member);
      reasons.set(member, { needs: needs.get(member) as Needs });
    }
  }
}

/** An attempt and its inverse in effect cancel out where neither gets a step: both leave the timelines. */
function dropsOut(member: Member, view: View, undoing: Undoing, candidates: ReadonlySet<Member>): boolean {
  if (candidates.has(member)) return false;
  const inverses = undoing.standingInversesOf(member);
  if (inverses.length > 0) return !inverses.some((inverse) => candidates.has(inverse));
  const target = member.attempt.inverts;
  if (target === undefined) return false;
  const original = view.byKey.get(refKey(target));
  const standing = original ? undoing.standingInversesOf(original) : [];
  return standing.includes(member) && !standing.some((inverse) => candidates.has(inverse));
}

function withEnclosures(needs: ReadonlyMap<Member, Needs>, all: Timelines, closing: ReadonlySet<Member>): ReadonlyMap<Member, Needs> {
  const found = enclosures(needs, all, closing);
  if (found.size === 0) return needs;
  return new Map(
    [...needs].map(([member, need]) => [member, { first: need.first, obstacles: [...need.obstacles, ...(found.get(member) ?? [])] }]),
  );
}

function merged<K extends 'excluded' | 'needs', T>(
  now: ReadonlyMap<Member, T>,
  reasons: ReadonlyMap<Member, { excluded?: Exclusion; needs?: Needs }>,
  kind: K,
): ReadonlyMap<Member, T> {
  const all = new Map(now);
  for (const [member, reason] of reasons) if (reason[kind] !== undefined) all.set(member, reason[kind] as T);
  return all;
}

function numbered(steps: readonly Member[], needs: ReadonlyMap<Member, Needs>, view: View): readonly PlanStep[] {
  const numbers = new Map(steps.map((member, at) => [member, at + 1]));
  const known = knownOrdinals(view.members);
  return steps.map((member) => ({
    step: numbers.get(member) as number,
    undoes: plainRef(member.attempt.ref),
    agent: member.attempt.agent,
    tool: member.attempt.tool,
    grade: member.attempt.grade,
    ...unknownOf(member),
    ...(member.remains === undefined ? {} : { remains: member.remains }),
    systems: stepSystems(member.effects, (resource) => known.get(resource) as string),
    after: [...(needs.get(member) as Needs).first].map((other) => numbers.get(other) as number).sort((a, b) => a - b),
  }));
}

function unknownOf({ attempt, effects }: Member): Pick<PlanStep, 'unknown'> {
  const unknown = [unknownBeside(attempt), reachedBeyond(effects)].filter((text) => text !== undefined);
  return unknown.length === 0 ? {} : { unknown: unknown.join(' ') };
}

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
