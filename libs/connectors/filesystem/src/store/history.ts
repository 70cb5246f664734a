import { ConnectorError } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import type { Path } from '../path.ts';
import type { Letter } from '../state.ts';
import { createInverses, type Inverses } from './inverses.ts';
import type { Line } from './journal.ts';
import { createKnowledge, type Declared, keyOf } from './knowledge.ts';
import type { Entry, Intent, JournalRecord, Known, Settings } from './record.ts';

/** One write or read, by ordinal. The full entry is in its journal line. */
export interface Mark {
  readonly ordinal: number;
  readonly written: readonly Letter[];
  readonly line: Line;
}

/** Index of the journal's records; about 100 bytes of memory per effect. Pure: the same records give the same history. */
export interface History extends Inverses {
  add(record: JournalRecord, line: Line): void;
  readonly store: string | undefined;
  readonly settings: Settings;
  readonly lastOrdinal: number;
  /** An intent without an end: its process was killed. */
  readonly open: Intent | undefined;
  marksOf(path: Path): readonly Mark[];
  /** Lines with entries of an attempt, ascending. */
  linesOf(attempt: AttemptRef): readonly Line[];
  declaredBy(attempt: AttemptRef): Declared | undefined;
  /** Whether an attempt that is not settled has declared the path. */
  isWatched(path: Path): boolean;
  readonly known: ReadonlyMap<Path, Known>;
  tokenOf(run: string): bigint;
  stepOf(run: string, step: number): Line | undefined;
}

export function createHistory(): History {
  const marks = new Map<Path, Mark[]>();
  const attempts = new Map<string, Line[]>();
  const knowledge = createKnowledge();
  const tokens = new Map<string, bigint>();
  const steps = new Map<string, Line>();
  const inverses = createInverses();
  let store: string | undefined;
  let settings: Settings = {};
  let lastOrdinal = 0;
  let open: Intent | undefined;

  const mark = (record: Extract<JournalRecord, { k: 'did' | 'step' }>, line: Line) => {
    const lines = attempts.get(keyOf(record.at));
    if (lines === undefined) attempts.set(keyOf(record.at), [line]);
    else lines.push(line);
    for (const entry of record.es) {
      const one = { ordinal: entry.o, written: entry.w, line };
      const before = marks.get(entry.p);
      if (before === undefined) marks.set(entry.p, [one]);
      else before.push(one);
      knowledge.write(record.at, entry);
    }
  };
  return {
    get store() {
      return store;
    },
    get settings() {
      return settings;
    },
    get lastOrdinal() {
      return lastOrdinal;
    },
    get open() {
      return open;
    },
    add(record, line) {
      if (record.k === 'do' || record.k === 'plan') open = record;
      else if (record.k === 'aborted' || record.k === 'step' || record.k === 'did') open = undefined;
      if (record.k === 'opened') store = record.store;
      if (record.k === 'settings') {
        const { k: _k, ...registered } = record;
        settings = registered;
      }
      knowledge.add(record);
      if (record.k === 'token') tokens.set(record.run, BigInt(record.token));
      if (record.k === 'step') {
        steps.set(`${record.run} ${record.step}`, line);
        inverses.addStep(record);
      }
      if (record.k === 'did' || record.k === 'step') mark(record, line);
      // Ordinals of an aborted intent are not reused.
      if (record.k === 'do' || record.k === 'plan' || record.k === 'did' || record.k === 'step')
        for (const { o } of record.es) lastOrdinal = Math.max(lastOrdinal, o);
    },
    marksOf: (path) => marks.get(path) ?? [],
    linesOf: (attempt) => attempts.get(keyOf(attempt)) ?? [],
    declaredBy: knowledge.declaredBy,
    isWatched: knowledge.isWatched,
    known: knowledge.known,
    tokenOf: (run) => tokens.get(run) ?? -1n,
    stepOf: (run, step) => steps.get(`${run} ${step}`),
    addStep: inverses.addStep,
    isCancelled: inverses.isCancelled,
  };
}

/** The full entry of a mark. */
export async function entryOf(locked: { read(line: Line): Promise<JournalRecord> }, mark: Mark): Promise<Entry> {
  const record = await locked.read(mark.line);
  const entry = record.k === 'did' || record.k === 'step' ? entryIn(record.es, mark.ordinal) : undefined;
  if (entry === undefined)
    throw new ConnectorError('not_prepared', `The journal is damaged: entry ${mark.ordinal} is missing. Restore it from a backup.`);
  return entry;
}

/** Ordinals of one record are consecutive, except where an effect did not take place. */
function entryIn(es: readonly Entry[], ordinal: number): Entry | undefined {
  const guess = es[ordinal - (es[0]?.o ?? 0)];
  return guess?.o === ordinal ? guess : es.find(({ o }) => o === ordinal);
}
