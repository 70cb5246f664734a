import { ConnectorError } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import type { Path } from '../path.ts';
import type { Letter } from '../state.ts';
import type { Line } from './journal.ts';
import type { Entry, Intent, JournalRecord } from './record.ts';

/** One write or read, by ordinal. The full entry is in its journal line. */
export interface Mark {
  readonly ordinal: number;
  readonly written: readonly Letter[];
  readonly run: string | undefined;
  readonly line: Line;
}

/** Index of the journal's records; about 100 bytes of memory per effect. Pure: the same records give the same history. */
export interface History {
  add(record: JournalRecord, line: Line): void;
  readonly lastOrdinal: number;
  /** An intent without an end: its process was killed. */
  readonly open: Intent | undefined;
  marksOf(path: Path): readonly Mark[];
  /** Lines with entries of an attempt, ascending. */
  linesOf(attempt: AttemptRef): readonly Line[];
  declaredBy(attempt: AttemptRef): { readonly line: Line; readonly settled: boolean } | undefined;
  /** Paths with an entry that match. */
  pathsWhere(fits: (path: Path) => boolean): readonly Path[];
  tokenOf(run: string): bigint;
  stepOf(run: string, step: number): Line | undefined;
}

export function createHistory(): History {
  const marks = new Map<Path, Mark[]>();
  const attempts = new Map<string, Line[]>();
  const declared = new Map<string, { line: Line; settled: boolean }>();
  const tokens = new Map<string, bigint>();
  const steps = new Map<string, Line>();
  let lastOrdinal = 0;
  let open: Intent | undefined;
  return {
    get lastOrdinal() {
      return lastOrdinal;
    },
    get open() {
      return open;
    },
    add(record, line) {
      if (record.k === 'do' || record.k === 'plan') open = record;
      else if (record.k === 'aborted' || record.k === 'step' || record.k === 'did') open = undefined;
      if (record.k === 'declared') declared.set(keyOf(record.at), { line, settled: false });
      if (record.k === 'settled') declared.set(keyOf(record.at), { ...(declared.get(keyOf(record.at)) ?? { line }), settled: true });
      if (record.k === 'token') tokens.set(record.run, BigInt(record.token));
      if (record.k === 'step') steps.set(`${record.run} ${record.step}`, line);
      if (record.k === 'did' || record.k === 'step') {
        const lines = attempts.get(keyOf(record.at));
        if (lines === undefined) attempts.set(keyOf(record.at), [line]);
        else lines.push(line);
        for (const { o, p, w } of record.es) {
          const mark = { ordinal: o, written: w, run: record.k === 'step' ? record.run : undefined, line };
          const known = marks.get(p);
          if (known === undefined) marks.set(p, [mark]);
          else known.push(mark);
        }
      }
      // Ordinals of an aborted intent are not reused.
      if ('es' in record) for (const { o } of record.es) lastOrdinal = Math.max(lastOrdinal, o);
    },
    marksOf: (path) => marks.get(path) ?? [],
    linesOf: (attempt) => attempts.get(keyOf(attempt)) ?? [],
    declaredBy: (attempt) => declared.get(keyOf(attempt)),
    pathsWhere: (fits) => [...marks.keys()].filter(fits),
    tokenOf: (run) => tokens.get(run) ?? -1n,
    stepOf: (run, step) => steps.get(`${run} ${step}`),
  };
}

const keyOf = (attempt: AttemptRef): string => JSON.stringify([attempt.source, attempt.action, attempt.attempt]);

/** The full entry of a mark. */
export async function entryOf(locked: { read(line: Line): Promise<JournalRecord> }, mark: Mark): Promise<Entry> {
  const record = await locked.read(mark.line);
  const entry = 'es' in record ? record.es.find(({ o }) => o === mark.ordinal) : undefined;
  if (entry === undefined)
    throw new ConnectorError('not_prepared', `The journal is damaged: entry ${mark.ordinal} is missing. Restore it from a backup.`);
  return entry;
}
