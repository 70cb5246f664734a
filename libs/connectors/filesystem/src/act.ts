import type { AttemptRef } from '@recant/events';
import { sweep } from './change.ts';
import { look, withParent } from './look.ts';
import type { Path } from './path.ts';
import type { Entry, Intent } from './record.ts';
import { imageOf, LETTERS, type Letter, type State, sameState } from './state.ts';
import type { Held } from './store.ts';

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

export function numbered(held: Held, planned: readonly Planned[]): Entry[] {
  return planned.map((entry, at) => ({ o: held.history.lastOrdinal + 1 + at, ...entry }));
}

/** States what was only seen. */
export async function note(held: Held, at: AttemptRef, planned: readonly Planned[], durable: boolean): Promise<void> {
  if (planned.length > 0) await held.append({ k: 'did', at, es: numbered(held, planned) }, durable);
}

/**
 * One operation: intent durable, work, effects on record. The images of all `b` are durable before this is called.
 * A kill anywhere leaves an open intent, from which `conclude` finds out what took place, as it does where the work failed.
 */
export async function perform(
  held: Held,
  at: AttemptRef,
  planned: readonly Planned[],
  work: (entries: readonly Entry[]) => Promise<void>,
): Promise<void> {
  const intent: Intent = { k: 'do', at, es: numbered(held, planned) };
  await held.append(intent);
  await held.failpoint('do.written');
  try {
    await work(intent.es);
  } catch (cause) {
    await conclude(held, intent);
    throw cause;
  }
  await held.failpoint('work.done');
  const es: Entry[] = [];
  for (const entry of intent.es) es.push({ ...entry, a: await asItIs(held, entry) });
  // Not synced: if the machine stops before it is durable, its intent is still open, and `conclude` finds the same.
  await held.append({ k: 'did', at, es }, false);
  await held.failpoint('did.written');
}

/** The state after, with mode, time and owner as the target really keeps them. */
async function asItIs(held: Held, { p, a }: Entry): Promise<State> {
  if (a === null || a.t === 'link') return a;
  const seen = await look({ ...held.look, content: false }, p);
  if (seen.kind === 'unreadable' || seen.state === null || seen.state.t !== a.t) return a;
  return seen.state.t === 'file' && a.t === 'file' && a.c !== undefined ? { ...seen.state, c: a.c } : seen.state;
}

/** Ends an open `do`: an entry whose path is as before did not take place; one that wrote what was there is taken to have. */
export async function conclude(held: Held, intent: Extract<Intent, { k: 'do' }>): Promise<void> {
  const es: Entry[] = [];
  for (const entry of intent.es) {
    await sweepBeside(held, entry);
    const seen = await look(needed(held, entry), entry.p);
    if (seen.kind === 'unreadable' || !sameState(seen.state, entry.b) || sameState(entry.b, entry.a)) es.push(entry);
  }
  await held.append({ k: 'did', at: intent.at, es });
}

const needed = (held: Held, entry: Entry) => ({ ...held.look, content: entry.w.includes('c') });

export async function sweepBeside(held: Held, entry: Entry): Promise<void> {
  await withParent(held.look.root, entry.p, async (opened) => {
    if (opened.kind === 'folder') await sweep(opened.folder, entry.o);
  });
}
