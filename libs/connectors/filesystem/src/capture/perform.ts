import type { AttemptRef } from '@recant/events';
import { nameOf, type Path } from '../path.ts';
import { readState, withParent } from '../read-state.ts';
import { ForeignWrite, returnAside } from '../replace-aside.ts';
import { imageOf, LETTERS, type Letter, type State, sameState } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Entry, Intent } from '../store/record.ts';
import { sweep } from '../write-files.ts';

/** A planned effect without its ordinal. */
export type Planned = Omit<Entry, 'o'>;

/** Creation, removal or replacement: writes every part of either state. */
export function replacing(op: string, path: Path, before: State, after: State): Planned {
  return {
    p: path,
    op,
    w: LETTERS.filter((letter) => imageOf(before, letter) !== null || imageOf(after, letter) !== null),
    b: before,
    a: after,
  };
}

/** A change of some parts of an existing item; reads `exists`. */
export function changing(op: string, path: Path, before: State, after: State, written: readonly Letter[]): Planned {
  return { p: path, op, w: written, r: ['e'], b: before, a: after };
}

export function reading(op: string, path: Path, state: State, read: readonly Letter[]): Planned {
  return { p: path, op, w: [], r: read, b: state, a: state };
}

export function numbered(locked: LockedStore, planned: readonly Planned[]): Entry[] {
  return planned.map((entry, at) => ({ o: locked.history.lastOrdinal + 1 + at, ...entry }));
}

/** Records observed entries, without an intent. */
export async function recordObserved(locked: LockedStore, at: AttemptRef, planned: readonly Planned[], durable: boolean): Promise<void> {
  if (planned.length > 0) await locked.append({ k: 'did', at, es: numbered(locked, planned) }, durable);
}

/**
 * One operation: durable intent, work, record of effects. The images of all `b` are durable with the intent.
 * `prepare` runs while the intent is synced, and leaves nothing but files of its own names. A kill leaves an open intent, from which `conclude` determines what took place; it does the same where the work failed.
 */
export async function perform(
  locked: LockedStore,
  at: AttemptRef,
  planned: readonly Planned[],
  work: (entries: readonly Entry[]) => Promise<void>,
  prepare: (entries: readonly Entry[]) => Promise<void> = async () => undefined,
): Promise<void> {
  const intent: Intent = { k: 'do', at, es: numbered(locked, planned) };
  await locked.images.flush();
  await locked.append(intent, false);
  try {
    const [synced, prepared] = await Promise.allSettled([locked.sync(), prepare(intent.es)]);
    for (const each of [synced, prepared]) if (each.status === 'rejected') throw each.reason;
    await locked.failpoint('do.written');
    await work(intent.es);
  } catch (cause) {
    await conclude(locked, intent, cause instanceof ForeignWrite ? cause.path : undefined);
    throw cause;
  }
  await locked.images.flush();
  await locked.failpoint('work.done');
  const es: Entry[] = [];
  for (const entry of intent.es) es.push({ ...entry, a: await storedState(locked, entry) });
  // Not synced: if the machine fails before it is durable, its intent is still open, and `conclude` finds the same.
  await locked.append({ k: 'did', at, es }, false);
  await locked.failpoint('did.written');
}

/** The state after, with the mode, time and owner that the file system actually stored. */
async function storedState(locked: LockedStore, { p, a }: Entry): Promise<State> {
  if (a === null || a.t === 'link') return a;
  const seen = await readState({ ...locked.readOptions, content: false }, p);
  if (seen.kind === 'unreadable' || seen.state === null || seen.state.t !== a.t) return a;
  return seen.state.t === 'file' && a.t === 'file' && a.c !== undefined ? { ...seen.state, c: a.c } : seen.state;
}

/**
 * Ends an open `do`: an entry whose path is unchanged did not take place, except an equal write, which is assumed to have.
 * @param foreign a path where somebody else wrote first
 */
export async function conclude(locked: LockedStore, intent: Extract<Intent, { k: 'do' }>, foreign?: Path): Promise<void> {
  const es: Entry[] = [];
  for (const entry of intent.es) {
    await withParent(locked.readOptions, entry.p, async (opened) => {
      if (opened.kind !== 'folder') return;
      await returnAside(locked, opened.folder, nameOf(entry.p), entry.o);
      await sweep(opened.folder, entry.o);
    });
    if (entry.p === foreign) continue;
    const seen = await readState(readOptionsFor(locked, entry), entry.p);
    if (seen.kind === 'unreadable' || !sameState(seen.state, entry.b) || sameState(entry.b, entry.a)) es.push(entry);
  }
  await locked.images.flush();
  await locked.append({ k: 'did', at: intent.at, es });
}

const readOptionsFor = (locked: LockedStore, entry: Entry) => ({ ...locked.readOptions, content: entry.w.includes('c') });
