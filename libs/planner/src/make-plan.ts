import { cancelledPairs, type Unfit, unfitness } from './classify.ts';
import { conflictOfUnfit, conflictsOfNeeds } from './conflicts.ts';
import { enclosures, type Needs, needsOf } from './needs.ts';
import { orderSteps } from './order.ts';
import type { Conflict, LeftAttempt, PlanBody, PlanStep } from './plan.ts';
import { compareText, plainRef, refKey } from './ref.ts';
import { undoable } from './solve.ts';
import { knownOrdinals, stepSystems } from './steps.ts';
import { taintOf } from './taint.ts';
import { type Timelines, timelinesOf, timelinesWithout } from './timeline.ts';
import { type Undoing, undoingOf } from './undone.ts';
import { type Member, type PlanInput, type View, viewOf } from './view.ts';

/**
 * The plan for a selection. In mode `skip`, `steps` is the greatest set that can be undone without touching anybody else's work; in mode `refuse` it is
 * the same set, shown, and must not run while there is a conflict.
 */
export function plan(input: PlanInput): PlanBody {
  const view = viewOf(input);
  const undoing = undoingOf(view);
  const solved = solve(view, undoing, input.systems);
  const steps = orderSteps(solved.steps, solved.needs);
  const left: LeftAttempt[] = [];
  const conflicts: Conflict[] = [];
  for (const member of view.members) {
    if (!member.selected || solved.steps.has(member)) continue;
    const { ref, agent, tool } = member.attempt;
    const unfit = solved.unfit.get(member);
    const why = unfit
      ? [conflictOfUnfit(member, unfit)].filter((conflict) => conflict !== undefined)
      : conflictsOfNeeds(member, solved.needs.get(member) ?? NONE, (other) => !solved.steps.has(other));
    conflicts.push(...why);
    left.push({ ref: plainRef(ref), agent, tool, reason: unfit?.reason ?? 'skipped', detail: unfit?.detail ?? why[0]?.detail ?? CIRCLE });
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
    tainted: taintOf(view.members, solved.steps, solved.standing),
  };
}

const NONE: Needs = { first: new Set(), obstacles: [] };
const CIRCLE = 'It and another selected attempt wrote the same parts in turns.';

interface Solved {
  readonly steps: ReadonlySet<Member>;
  readonly unfit: ReadonlyMap<Member, Unfit>;
  readonly needs: ReadonlyMap<Member, Needs>;
  /** Without pairs that cancel. */
  readonly standing: Timelines;
}

/**
 * A selected inverse that cannot be undone stays, and with it the pair it forms with its original drops out again, which can free others: solved again
 * without it until nothing changes. Each round takes at least one away, so it ends.
 */
function solve(view: View, undoing: Undoing, systems: ReadonlyMap<string, string>): Solved {
  const stays = new Set<Member>();
  const reasons = new Map<Member, { unfit?: Unfit; needs?: Needs }>();
  const all = timelinesOf(view.members);
  for (;;) {
    const isSelected = (member: Member): boolean => member.selected && !stays.has(member);
    const cancelled = cancelledPairs(view.members, undoing, isSelected);
    const unfit = new Map<Member, Unfit>();
    const candidates: Member[] = [];
    for (const member of view.members) {
      if (!isSelected(member)) continue;
      const reason = unfitness(member, undoing, isSelected, cancelled, systems);
      if (reason) unfit.set(member, reason);
      else candidates.push(member);
    }
    const chosen = new Set(candidates);
    const dropped = new Set(view.members.filter((member) => dropsOut(member, view, undoing, chosen)));
    const standing = timelinesWithout(dropped, all);
    const closing = new Set([...dropped].filter((member) => member.attempt.inverts && undoing.standingInversesOf(member).length === 0));
    const needs = withEnclosures(needsOf(candidates, standing), all, closing);
    const steps = undoable(needs);
    const blocked = candidates.filter((member) => !steps.has(member) && member.attempt.inverts !== undefined);
    if (blocked.length === 0) return { steps, unfit: merged(unfit, reasons, 'unfit'), needs: merged(needs, reasons, 'needs'), standing };
    for (const member of blocked) {
      stays.add(member);
      reasons.set(member, { needs: needs.get(member) as Needs });
    }
  }
}

/** A pair that stands and of which no step is made is as if neither had been. */
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

function merged<K extends 'unfit' | 'needs', T>(
  now: ReadonlyMap<Member, T>,
  reasons: ReadonlyMap<Member, { unfit?: Unfit; needs?: Needs }>,
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
    systems: stepSystems(member.effects, (resource) => known.get(resource) as string),
    after: [...(needs.get(member) as Needs).first].map((other) => numbers.get(other) as number).sort((a, b) => a - b),
  }));
}

function lastNumbers(input: PlanInput): Readonly<Record<string, number>> {
  const last = new Map<string, number>();
  for (const { ref, sequence } of input.selected) last.set(ref.source, Math.max(last.get(ref.source) ?? 0, sequence));
  return Object.fromEntries([...last].sort(([a], [b]) => compareText(a, b)));
}
