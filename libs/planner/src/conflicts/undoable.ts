import type { Member } from '../view.ts';
import type { Needs } from './decide-by-timeline.ts';

/**
 * Decides which candidates are undone: the greatest set without obstacles, without cycles, and closed under needs.
 * Grown from the candidates without needs (topological order), so cycles and everything that waits for an obstacle stay out.
 */
export function undoable(needs: ReadonlyMap<Member, Needs>): ReadonlySet<Member> {
  const waiting = new Map<Member, number>();
  const freedBy = new Map<Member, Member[]>();
  const free: Member[] = [];
  for (const [member, { first, obstacles }] of needs) {
    if (obstacles.length > 0) continue;
    waiting.set(member, first.size);
    if (first.size === 0) free.push(member);
    for (const other of first) {
      const list = freedBy.get(other);
      if (list) list.push(member);
      else freedBy.set(other, [member]);
    }
  }
  const found = new Set<Member>();
  for (let member = free.pop(); member !== undefined; member = free.pop()) {
    found.add(member);
    for (const next of freedBy.get(member) ?? []) {
      const left = (waiting.get(next) as number) - 1;
      waiting.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  return found;
}
