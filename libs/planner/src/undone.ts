import { compareOrdinals, refKey } from './ref.ts';
import { type Member, type View, writes } from './view.ts';

/** Which attempts are undone by an inverse that is itself in effect. Undoing an inverse puts its original back into effect, to any depth. */
export interface Undoing {
  /** Inverses of an attempt that are in effect; empty where the attempt itself is in effect. */
  standingInversesOf(member: Member): readonly Member[];
}

export function undoingOf(view: View): Undoing {
  const inverses = new Map<string, Member[]>();
  for (const member of view.members) {
    const target = member.attempt.inverts;
    if (target === undefined || !tookEffect(member)) continue;
    const key = refKey(target);
    const known = inverses.get(key);
    if (known) known.push(member);
    else inverses.set(key, [member]);
  }
  const known = new Map<string, readonly Member[]>();
  /** An inverse follows its original, so recursion ends; `path` stops it where forged entries form a cycle. */
  const standing = (key: string, path: ReadonlySet<string>): readonly Member[] => {
    const own = inverses.get(key);
    if (own === undefined) return NONE;
    const before = known.get(key);
    if (before) return before;
    const deeper = new Set(path).add(key);
    const found = own.filter((inverse) => !deeper.has(inverse.key) && standing(inverse.key, deeper).length === 0);
    known.set(key, found);
    return found;
  };
  return { standingInversesOf: (member) => standing(member.key, NO_KEYS) };
}

const NONE: readonly Member[] = [];
const NO_KEYS: ReadonlySet<string> = new Set();

/** Tool of an inverse that left rows of its attempt as they were: both stay in effect. */
export const PARTIAL_UNDO = 'undo_part';

/** Rows that runs put back although others of their attempt stay: by the attempt's `refKey`, resource, and the ordinal of the last such write. */
export type PutBack = ReadonlyMap<string, ReadonlyMap<string, string>>;

export function putBackIn(members: readonly Member[], undoing: Undoing): PutBack {
  const putBack = new Map<string, Map<string, string>>();
  for (const member of members) {
    const { inverts, tool, status } = member.attempt;
    if (inverts === undefined || tool !== PARTIAL_UNDO || status !== 'succeeded' || undoing.standingInversesOf(member).length > 0) continue;
    const rows = putBack.get(refKey(inverts)) ?? new Map<string, string>();
    putBack.set(refKey(inverts), rows);
    for (const { resource, ordinal } of member.effects.filter(writes)) {
      const known = rows.get(resource);
      if (known === undefined || compareOrdinals(known, ordinal) < 0) rows.set(resource, ordinal);
    }
  }
  return putBack;
}

/** Settled as succeeded and complete, of the whole attempt. One without effects found everything already undone. */
function tookEffect(member: Member): boolean {
  return member.attempt.tool !== PARTIAL_UNDO && member.attempt.status === 'succeeded' && member.attempt.complete;
}
