/** What the campaign breaks on purpose, to see that the oracle notices it. Nothing of it is in the product. */
import type { Question } from './by-service.ts';
import type { Expected } from './expect.ts';
import type { Undone } from './mismatches.ts';
import type { Aim } from './script.ts';

export const BROKEN_KINDS = [
  'row not captured',
  'later write not captured',
  'row altered after the undo',
  'verdict altered',
  'conflict invented',
] as const;
export type BrokenKind = (typeof BROKEN_KINDS)[number];

/** Histories in which there is something to break: whatever the seed, they are drawn towards this end. */
export const aimOf = (kind: BrokenKind): Aim => (kind === 'later write not captured' ? 'equal' : 'clean');

/** Before the undo. @returns whether something was broken */
export async function breakBefore(kind: BrokenKind | undefined, question: Question, expected: Expected): Promise<boolean> {
  const { committed } = question.history;
  if (kind === 'row not captured') {
    const whose = expected.order.find((attempt) => expected.attempts.get(attempt)?.outcome === 'restored');
    return forget(question, committed.find(({ attempt }) => attempt === whose && whose !== undefined)?.xid);
  }
  if (kind === 'later write not captured') {
    const isInTheWay = [...expected.attempts.values()].some(
      ({ because }) => because.length > 0 && because.every((one) => one.startsWith('later write of')),
    );
    const people = committed.filter(({ attempt }) => attempt === undefined);
    const forgotten = isInTheWay ? await Promise.all(people.map(({ xid }) => forget(question, xid))) : [];
    return forgotten.includes(true);
  }
  return false;
}

/** A transaction's rows leave the capture before anybody drained them. */
async function forget({ target: { admin } }: Question, xid: string | undefined): Promise<boolean> {
  if (xid === undefined) return false;
  await admin.query('SELECT recant.absorb()');
  const { rowCount } = await admin.query('DELETE FROM recant.change WHERE xid = $1::xid8', [xid]);
  return (rowCount ?? 0) > 0;
}

/** After the undo. @returns what the product is said to have done, or undefined where nothing was broken */
export async function breakAfter(kind: BrokenKind | undefined, { target }: Question, undone: Undone): Promise<Undone | undefined> {
  if (undone.verdict === undefined) return undefined;
  if (kind === 'verdict altered')
    return { ...undone, verdict: undone.verdict === 'fully_restored' ? 'restored_unverified' : 'fully_restored' };
  if (kind === 'row altered after the undo') {
    const { rowCount } = await target.admin.query(
      `UPDATE item SET note = note || '!' WHERE id = (SELECT min(id) FROM item WHERE note IS NOT NULL)`,
    );
    return (rowCount ?? 0) > 0 ? undone : undefined;
  }
  const restored = [...undone.attempts].find(([, { outcome }]) => outcome === 'restored');
  if (kind !== 'conflict invented' || restored === undefined) return undefined;
  return { ...undone, attempts: new Map([...undone.attempts, [restored[0], { outcome: 'conflicted', why: 'invented' }]]) };
}
