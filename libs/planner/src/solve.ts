import { cancelledPairs, type Exclusion, exclusionByTarget, exclusionOf } from './conflicts/decide-by-attempt.ts';
import { enclosures, type Needs, needsOf } from './conflicts/decide-by-timeline.ts';
import { undoablePast, withoutObstacles } from './conflicts/force.ts';
import { modeFor } from './overrides.ts';
import type { Conflict } from './plan.ts';
import { refKey } from './ref.ts';
import { type Timelines, timelinesOf, timelinesWithout } from './timeline.ts';
import type { Undoing } from './undone.ts';
import type { Member, PlanInput, View } from './view.ts';

export interface Solved {
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
export function solve(
  view: View,
  undoing: Undoing,
  input: Pick<PlanInput, 'systems' | 'mode' | 'modes'>,
  refused: ReadonlyMap<string, readonly Conflict[]>,
): Solved {
  const { systems } = input;
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
    const forced = new Set(candidates.filter((member) => !member.cascaded && modeFor(input, member.attempt.ref) === 'force'));
    const found = withEnclosures(withoutObstacles(needsOf(candidates, standing), forced), all, closing);
    const { steps, needs } = undoablePast(found, forced);
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
