import type { Conflict } from './plan.ts';
import { compareOrdinals, refKey } from './ref.ts';
import { EXISTS, type Mark, type Timeline, type Timelines } from './timeline.ts';
import type { Member } from './view.ts';

/** Why one attempt cannot be undone, seen from one part. */
export interface Obstacle {
  readonly kind: Extract<Conflict['kind'], 'later_write' | 'drift'>;
  readonly resource: string;
  readonly part: string;
  readonly by?: Member;
}

/** What undoing one candidate takes. */
export interface Needs {
  /** Candidates that wrote a part of it later: they are undone before it, or it stays. */
  readonly first: ReadonlySet<Member>;
  readonly obstacles: readonly Obstacle[];
}

type Open = { first: Set<Member>; obstacles: Obstacle[] };

/** For each candidate: its neighbours above in every timeline. Those above them are their own needs, so the next one is enough. */
export function needsOf(candidates: readonly Member[], standing: Timelines): ReadonlyMap<Member, Needs> {
  const needs = new Map<Member, Open>(candidates.map((member) => [member, { first: new Set(), obstacles: [] }]));
  for (const parts of standing.values()) for (const line of parts.values()) walk(line, needs);
  return needs;
}

/**
 * A pair that cancels is as if it had not been, but for what stands between the two: whatever was there, the inverse wrote after it. Only undoing
 * that inverse would make way. `closing`: the inverses of such pairs. (An inverse of an earlier run can stand there; it was undone itself when the pair closed around it.)
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
        const { member, kind } = marks[at] as Mark;
        if (kind !== 'write') continue;
        around = around.filter(({ from }) => from < at);
        const [enclosing] = around;
        if (enclosing && needs.has(member)) {
          const obstacle: Obstacle = { kind: 'later_write', resource, part, by: enclosing.by };
          const known = found.get(member);
          if (known) known.push(obstacle);
          else found.set(member, [obstacle]);
        }
        const from = member.attempt.inverts && closing.has(member) ? start.get(refKey(member.attempt.inverts)) : undefined;
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
    if (open && mark.kind === 'write') above(line, at, mark, open, needs);
    tie(line, at, needs);
  }
}

function above(line: Timeline, at: number, mark: Mark, open: Open, needs: ReadonlyMap<Member, Open>): void {
  const createsOrDeletes = line.part === EXISTS && mark.before !== mark.after;
  for (let next = at + 1; next < line.marks.length; next++) {
    const later = line.marks[next] as Mark;
    if (later.kind === 'leans') {
      if (createsOrDeletes) need(line, mark.member, later.member, open, needs);
      continue;
    }
    need(line, mark.member, later.member, open, needs);
    if (later.before !== mark.after) open.obstacles.push({ kind: 'drift', resource: line.resource, part: line.part });
    return;
  }
}

/** Two writers under one ordinal have no order: each waits for the other, so neither is undone. */
function tie(line: Timeline, at: number, needs: ReadonlyMap<Member, Open>): void {
  const mark = line.marks[at] as Mark;
  const before = line.marks[at - 1];
  if (!before || before.kind === 'leans' || mark.kind === 'leans' || compareOrdinals(before.ordinal, mark.ordinal) !== 0) return;
  const open = needs.get(mark.member);
  if (open) need(line, mark.member, before.member, open, needs);
}

function need(line: Timeline, member: Member, later: Member, open: Open, needs: ReadonlyMap<Member, Open>): void {
  if (later === member) return;
  if (needs.has(later)) open.first.add(later);
  else open.obstacles.push({ kind: 'later_write', resource: line.resource, part: line.part, by: later });
}
