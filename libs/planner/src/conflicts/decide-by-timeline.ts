/** Decides which later writes and unrecorded changes (drift) prevent undoing an attempt, part by part. `word-conflicts.ts` words the result. */
import type { Conflict } from '../plan.ts';
import { compareOrdinals, refKey } from '../ref.ts';
import { EXISTS, type Mark, type Timeline, type Timelines } from '../timeline.ts';
import type { Member } from '../view.ts';

/** Why one attempt cannot be undone, for one part. `by`: the attempt that wrote it later; undefined for drift. */
export interface Obstacle {
  readonly kind: Extract<Conflict['kind'], 'later_write' | 'drift'>;
  readonly resource: string;
  readonly part: string;
  readonly by?: Member;
}

/** Preconditions for undoing one candidate. */
export interface Needs {
  /** Candidates that wrote one of its parts later: each must be undone before it. */
  readonly first: ReadonlySet<Member>;
  readonly obstacles: readonly Obstacle[];
}

type Open = { first: ReadonlySet<Member>; obstacles: readonly Obstacle[] };

/** Of most members: nobody wrote later. */
const NONE: ReadonlySet<Member> = new Set();
const NO_OBSTACLES: readonly Obstacle[] = [];

/** For each candidate, the next later writer in every timeline. Writers after that one are its own needs. */
export function needsOf(candidates: readonly Member[], standing: Timelines): ReadonlyMap<Member, Needs> {
  const needs = new Map<Member, Open>(candidates.map((member) => [member, { first: NONE, obstacles: NO_OBSTACLES }]));
  for (const parts of standing.values()) for (const line of parts.values()) walk(line, needs);
  return needs;
}

/**
 * Writes between an attempt and its inverse: the pair itself cancels out, but the inverse wrote after everything between the two, so only undoing
 * the inverse would free it. `closing`: the inverses of such pairs. (An inverse of an earlier run can be between them; it was undone itself when the
 * pair closed around it.)
 */
export function enclosures(
  needs: ReadonlyMap<Member, Needs>,
  timelines: Timelines,
  closing: ReadonlySet<Member>,
): ReadonlyMap<Member, readonly Obstacle[]> {
  const found = new Map<Member, Obstacle[]>();
  if (closing.size === 0) return found;
  for (const parts of timelines.values()) {
    for (const { resource, part, marks } of parts.values()) {
      const start = new Map<string, number>();
      marks.forEach(({ member, kind }, at) => {
        if (kind === 'write' && !start.has(member.key)) start.set(member.key, at);
      });
      let around: { from: number; by: Member }[] = [];
      for (let at = marks.length - 1; at >= 0; at--) {
        const { member, kind, before, after } = marks[at] as Mark;
        if (kind !== 'write') continue;
        around = around.filter(({ from }) => from < at);
        const [enclosing] = around;
        if (enclosing && needs.has(member)) {
          const obstacle: Obstacle = { kind: 'later_write', resource, part, by: enclosing.by };
          const known = found.get(member);
          if (known) known.push(obstacle);
          else found.set(member, [obstacle]);
        }
        // An inverse that left a part as it found it encloses nothing.
        const from =
          member.attempt.inverts && closing.has(member) && before !== after ? start.get(refKey(member.attempt.inverts)) : undefined;
        if (from !== undefined) around.push({ from, by: member });
      }
    }
  }
  return found;
}

function walk(line: Timeline, needs: ReadonlyMap<Member, Open>): void {
  const { marks } = line;
  for (let at = 0; at < marks.length; at++) {
    const mark = marks[at] as Mark;
    const open = needs.get(mark.member);
    if (open && mark.kind === 'write') checkLaterMarks(line, at, mark, open, needs);
    checkTie(line, at, needs);
  }
}

function checkLaterMarks(line: Timeline, at: number, mark: Mark, open: Open, needs: ReadonlyMap<Member, Open>): void {
  const createsOrDeletes = line.part === EXISTS && mark.before !== mark.after;
  for (let next = at + 1; next < line.marks.length; next++) {
    const later = line.marks[next] as Mark;
    if (later.kind === 'depends') {
      if (createsOrDeletes) addNeed(line, mark.member, later.member, open, needs);
      continue;
    }
    addNeed(line, mark.member, later.member, open, needs);
    // Somebody without a record wrote in between. Where the target captured both, it knows who, and whether the part is back already: the plan asks it.
    const isAsked = mark.captured && later.captured;
    if (later.before !== mark.after && !isAsked) addObstacle(open, { kind: 'drift', resource: line.resource, part: line.part });
    return;
  }
}

/** Two writers with one ordinal have no order: each needs the other first, so neither is undone. */
function checkTie(line: Timeline, at: number, needs: ReadonlyMap<Member, Open>): void {
  const mark = line.marks[at] as Mark;
  const before = line.marks[at - 1];
  if (!before || before.kind === 'depends' || mark.kind === 'depends' || compareOrdinals(before.ordinal, mark.ordinal) !== 0) return;
  const open = needs.get(mark.member);
  if (open) addNeed(line, mark.member, before.member, open, needs);
}

function addNeed(line: Timeline, member: Member, later: Member, open: Open, needs: ReadonlyMap<Member, Open>): void {
  if (later === member) return;
  if (!needs.has(later)) addObstacle(open, { kind: 'later_write', resource: line.resource, part: line.part, by: later });
  else if (open.first === NONE) open.first = new Set([later]);
  else (open.first as Set<Member>).add(later);
}

function addObstacle(open: Open, obstacle: Obstacle): void {
  if (open.obstacles === NO_OBSTACLES) open.obstacles = [obstacle];
  else (open.obstacles as Obstacle[]).push(obstacle);
}
