/**
 * Which attempts a plan can undo: every later effect by an attempt that is not selected, on a part that a selected attempt wrote, is a
 * dependent, equal values included; a statement that changed a row depends on the change's author. Two attempts that each need the other to be undone first are
 * never undone. What people wrote is decided by the target (`oracle.ts`).
 */

import type { World } from './oracle.ts';
import { EXISTS, isRestorable, isWhole, partsOf } from './parts.ts';

/** What has to be undone before one attempt. */
export interface Needs {
  readonly first: Set<string>;
  /** Attempts that stay. */
  readonly blocking: Set<string>;
}

interface Mark {
  readonly attempt: string;
  readonly writes: boolean;
}

export function needsOf({ writes }: Pick<World, 'writes'>, candidates: ReadonlySet<string>): ReadonlyMap<string, Needs> {
  const needs = new Map<string, Needs>([...candidates].map((attempt) => [attempt, { first: new Set(), blocking: new Set() }]));
  for (const marks of marksOf(writes).values()) {
    for (const [index, { attempt, writes: isWrite }] of marks.lines.entries()) {
      const own = needs.get(attempt);
      if (own === undefined || !isWrite) continue;
      for (const later of marks.lines.slice(index + 1)) {
        if (later.attempt !== attempt) (candidates.has(later.attempt) ? own.first : own.blocking).add(later.attempt);
        if (later.writes) break;
      }
    }
  }
  return needs;
}

/** Effects of attempts on each part, in their order. */
function marksOf(writes: World['writes']): ReadonlyMap<string, { readonly lines: Mark[] }> {
  const marks = new Map<string, { lines: Mark[] }>();
  const add = (row: string, part: string, mark: Mark) => {
    const place = `${row} ${part}`;
    const known = marks.get(place);
    if (known === undefined) marks.set(place, { lines: [mark] });
    else known.lines.push(mark);
  };
  for (const { attempt, effect } of writes) {
    if (attempt === undefined || !isRestorable(effect)) continue;
    const parts = partsOf(effect);
    for (const part of parts) add(effect.row, part, { attempt, writes: true });
    if (!isWhole(effect) && parts.length > 0) add(effect.row, EXISTS, { attempt, writes: false });
  }
  return marks;
}

/**
 * The greatest set in which nothing needs what stays. In the order of the undo: what is needed first, else the latest change first.
 * @param isForced mode `force`: what stays is in nobody's way
 */
export function undoable(world: Pick<World, 'writes'>, candidates: ReadonlySet<string>, isForced = false): readonly string[] {
  const needs = needsOf(world, candidates);
  const last = new Map<string, number>();
  for (const { attempt, effect } of world.writes)
    if (attempt !== undefined && isRestorable(effect) && partsOf(effect).length > 0) last.set(attempt, effect.at);
  const order: string[] = [];
  const latest = [...candidates].sort((a, b) => (last.get(b) ?? 0) - (last.get(a) ?? 0));
  const isNext = (attempt: string) => {
    const { first, blocking } = needs.get(attempt) as Needs;
    return !order.includes(attempt) && (isForced || blocking.size === 0) && [...first].every((other) => order.includes(other));
  };
  for (let next = latest.find(isNext); next !== undefined; next = latest.find(isNext)) order.push(next);
  return order;
}

/** Mode `cascade`: others that wrote a part of these attempts after them, and those that changed a row which they made or removed; and so on. */
export function dependentsOf(
  { writes }: Pick<World, 'writes'>,
  attempts: ReadonlySet<string>,
  mayFollow: (attempt: string) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...attempts];
  const marks = [...marksOf(writes)];
  for (let attempt = open.pop(); attempt !== undefined; attempt = open.pop()) {
    for (const [place, { lines }] of marks) {
      const first = lines.findIndex((mark) => mark.attempt === attempt && mark.writes);
      if (first < 0) continue;
      for (const later of lines.slice(first + 1)) {
        const isNear = later.writes || place.endsWith(` ${EXISTS}`);
        if (!isNear || attempts.has(later.attempt) || found.has(later.attempt) || !mayFollow(later.attempt)) continue;
        found.add(later.attempt);
        open.push(later.attempt);
      }
    }
  }
  return found;
}

/** Those of the order that these attempts are, or need. */
export function neededBy(needs: ReadonlyMap<string, Needs>, order: readonly string[], attempts: ReadonlySet<string>): readonly string[] {
  const kept = new Set<string>();
  const open = order.filter((attempt) => attempts.has(attempt));
  for (let attempt = open.pop(); attempt !== undefined; attempt = open.pop()) {
    if (kept.has(attempt)) continue;
    kept.add(attempt);
    open.push(...(needs.get(attempt)?.first ?? []));
  }
  return order.filter((attempt) => kept.has(attempt));
}
