/** Mode `force`: decides past which other attempts a step goes. What it may overwrite there, the target says: it knows what it captured. */
import type { Member } from '../view.ts';
import type { Needs } from './decide-by-timeline.ts';
import { undoable } from './undoable.ts';

/** Later writes by others, and changes between them that nobody recorded, are no obstacles of these members. */
export function withoutObstacles(needs: ReadonlyMap<Member, Needs>, forced: ReadonlySet<Member>): ReadonlyMap<Member, Needs> {
  if (forced.size === 0) return needs;
  return new Map([...needs].map(([member, need]) => [member, forced.has(member) ? { ...need, obstacles: [] } : need]));
}

/**
 * The greatest set, in which a forced member does not wait for candidates that are not undone themselves, whatever is forced. Members that are forced and need each
 * other first stay out.
 * @returns with the needs of the forced members that are left
 */
export function undoablePast(
  needs: ReadonlyMap<Member, Needs>,
  forced: ReadonlySet<Member>,
): { readonly steps: ReadonlySet<Member>; readonly needs: ReadonlyMap<Member, Needs> } {
  const steps = undoable(needs);
  const waiting = [...forced].filter((member) => needs.get(member)?.obstacles.length === 0 && !steps.has(member));
  if (waiting.length === 0) return { steps, needs };
  const open = new Map(needs);
  for (const member of waiting) open.set(member, { first: new Set(), obstacles: [] });
  const atMost = undoable(open);
  const freed = new Map(needs);
  for (const member of waiting) {
    const { first, obstacles } = needs.get(member) as Needs;
    freed.set(member, { first: new Set([...first].filter((other) => atMost.has(other))), obstacles });
  }
  return { steps: undoable(freed), needs: freed };
}
