import type { AttemptRef } from '@recant/events';
import type { Path } from '../path.ts';
import { readState } from '../read-state.ts';
import { imageOf, LETTERS, type Letter, type State, sameState } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Entry, Intent } from '../store/record.ts';
import { sweepAt } from '../write-files.ts';

/** An effect to come: its ordinal is not yet given. */
export type Planned = Omit<Entry, 'o'>;

/** Something is written where something may stand: every part that either state has. */
export function replacing(op: string, path: Path, before: State, after: State): Planned {
  return {
    p: path,
    op,
    w: LETTERS.filter((letter) => imageOf(before, letter) !== null || imageOf(after, letter) !== null),
    b: before,
    a: after,
  };
}

/** A change of some parts of what is there, which is thereby read. */
export function changing(op: string, path: Path, before: State, after: State, written: readonly Letter[]): Planned {
  return { p: path, op, w: written, r: ['e'], b: before, a: after };
}

export function reading(op: string, path: Path, state: State, read: readonly Letter[]): Planned {
  return { p: path, op, w: [], r: read, b: state, a: state };
}

export function numbered(locked: LockedStore, planned: readonly Planned[]): Entry[] {
  return planned.map((entry, at) => ({ o: locked.history.lastOrdinal + 1 + at, ...entry }));
}

/** States what was only seen. */
export async function recordObserved(locked: LockedStore, at: AttemptRef, planned: readonly Planned[], durable: boolean): Promise<void> {
  if (planned.length > 0) await locked.append({ k: 'did', at, es: numbered(locked, planned) }, durable);
}

/**
 * One operation: intent durable, work, effects on record. The images of all `b` are durable before this is called.
 * A kill anywhere leaves an open intent, from which `conclude` finds out what took place, as it does where the work failed.
 */
export async function perform(
  locked: LockedStore,
  at: AttemptRef,
  planned: readonly Planned[],
  work: (entries: readonly Entry[]) => Promise<void>,
): Promise<void> {
  const intent: Intent = { k: 'do', at, es: numbered(locked, planned) };
  await locked.append(intent);
  await locked.failpoint('do.written');
  try {
    await work(intent.es);
  } catch (cause) {
    await conclude(locked, intent);
    throw cause;
  }
  await locked.failpoint('work.done');
  const es: Entry[] = [];
  for (const entry of intent.es) es.push({ ...entry, a: await asItIs(locked, entry) });
  // Not synced: if the machine stops before it is durable, its intent is still open, and `conclude` finds the same.
  await locked.append({ k: 'did', at, es }, false);
  await locked.failpoint('did.written');
}

/** The state after, with mode, time and owner as the target really keeps them. */
async function asItIs(locked: LockedStore, { p, a }: Entry): Promise<State> {
  if (a === null || a.t === 'link') return a;
  const seen = await readState({ ...locked.readOptions, content: false }, p);
  if (seen.kind === 'unreadable' || seen.state === null || seen.state.t !== a.t) return a;
  return seen.state.t === 'file' && a.t === 'file' && a.c !== undefined ? { ...seen.state, c: a.c } : seen.state;
}

/** Ends an open `do`: an entry whose path is as before did not take place; one that wrote what was there is taken to have. */
export async function conclude(locked: LockedStore, intent: Extract<Intent, { k: 'do' }>): Promise<void> {
  const es: Entry[] = [];
  for (const entry of intent.es) {
    await sweepAt(locked.readOptions.root, entry.p, entry.o);
    const seen = await readState(needed(locked, entry), entry.p);
    if (seen.kind === 'unreadable' || !sameState(seen.state, entry.b) || sameState(entry.b, entry.a)) es.push(entry);
  }
  await locked.append({ k: 'did', at: intent.at, es });
}

const needed = (locked: LockedStore, entry: Entry) => ({ ...locked.readOptions, content: entry.w.includes('c') });
