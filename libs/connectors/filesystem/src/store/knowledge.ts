import type { AttemptRef } from '@recant/events';
import { DECLARED_MS_MAX } from '../limits.ts';
import { isWithin, type Path } from '../path.ts';
import type { State } from '../state.ts';
import type { Entry, JournalRecord, Known, Lead, Unnamed } from './record.ts';

/** Paths that one attempt declared, until it is settled. */
export interface Declared {
  readonly at: AttemptRef;
  readonly paths: readonly Path[];
  readonly links: readonly Lead[];
  readonly unnamed: Unnamed;
  readonly ms: number;
  /** What was at paths that somebody else found different since, as it was declared or as recorded effects left it. */
  readonly was: Map<Path, Known>;
  /** Paths with a change that another attempt recorded as ambiguous since. */
  readonly shared: Set<Path>;
  /** Paths that other attempts had declared at the same time. */
  readonly others: Path[];
  settled: boolean;
}

const NONE: Unnamed = { items: [], count: 0, sum: '0' };

/** What the records say is at each path, and what attempts that have declared paths compare with. */
export interface Knowledge {
  add(record: JournalRecord): void;
  write(at: AttemptRef, entry: Entry): void;
  /** Whether an attempt that is not settled has declared the path. */
  isWatched(path: Path): boolean;
  declaredBy(attempt: AttemptRef): Declared | undefined;
  readonly known: ReadonlyMap<Path, Known>;
}

export function createKnowledge(): Knowledge {
  const declared = new Map<string, Declared>();
  const opened = new Set<Declared>();
  const known = new Map<Path, Known>();

  const declare = (record: Extract<JournalRecord, { k: 'declared' }>) => {
    const { at, paths, links, ms, unnamed = NONE } = record;
    const fresh: Declared = { at, paths, links, unnamed, ms, was: new Map(), shared: new Set(), others: [], settled: false };
    for (const other of opened) {
      if (other.ms + DECLARED_MS_MAX < ms) continue;
      other.others.push(...paths);
      fresh.others.push(...other.paths);
    }
    declared.set(keyOf(at), fresh);
    opened.add(fresh);
  };
  const learn = (path: Path, now: Known) => (now.s === null ? known.delete(path) : known.set(path, now));
  /** A look found the path different: captures that declared it before compare with what they found themselves. */
  const see = (path: Path, now: Known) => {
    for (const other of opened)
      if (!other.was.has(path) && other.paths.some((folder) => isWithin(path, folder))) other.was.set(path, known.get(path) ?? { s: null });
    learn(path, now);
  };
  const write = (at: AttemptRef, { p, w, a, x }: Entry) => {
    if (w.length === 0) return;
    const state = withContentOf(a, known.get(p)?.s);
    for (const other of opened) {
      if (other.was.has(p)) other.was.set(p, { s: withContentOf(a, other.was.get(p)?.s) });
      if (x === true && keyOf(other.at) !== keyOf(at)) other.shared.add(p);
    }
    learn(p, { s: state });
  };
  const end = (at: AttemptRef, isSettled: boolean) => {
    const ended = declared.get(keyOf(at));
    if (ended === undefined) return;
    opened.delete(ended);
    ended.settled ||= isSettled;
  };
  return {
    add(record) {
      if (record.k === 'declared') declare(record);
      if (record.k === 'seen') for (const [path, now] of record.es) see(path, now);
      if (record.k === 'settled' || record.k === 'released') end(record.at, record.k === 'settled');
    },
    write,
    isWatched: (path) => [...opened].some(({ paths }) => paths.some((folder) => isWithin(path, folder))),
    declaredBy: (attempt) => declared.get(keyOf(attempt)),
    known,
  };
}

export const keyOf = (attempt: AttemptRef): string => JSON.stringify([attempt.source, attempt.action, attempt.attempt]);

/** An effect on the mode alone has no content digest; it is that of the state before. */
function withContentOf(after: State, before: State | undefined): State {
  if (after?.t === 'file' && after.c === undefined && before?.t === 'file' && before.c !== undefined) return { ...after, c: before.c };
  return after;
}
