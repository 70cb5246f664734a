import type { Finding, InverseOutcome } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import type { Path } from '../path.ts';
import type { Letter, State } from '../state.ts';

/** One effect in the journal. */
export interface Entry {
  /** Ordinal: unique in the system, ascending in the order of the journal. */
  readonly o: number;
  readonly p: Path;
  readonly op: string;
  /** Parts written, of which a reader took part `r` without writing. */
  readonly w: readonly Letter[];
  readonly r?: readonly Letter[];
  readonly b: State;
  readonly a: State;
  /** true: somebody else may have made the change. */
  readonly x?: true;
  /** Names that the change may have reached as well. */
  readonly y?: readonly string[];
}

/** What is at a path, as last read or written by Recant. */
export interface Known {
  readonly s: State;
  /** Device and inode of a file; absent: not read since it was written. */
  readonly i?: string;
  /** `StatId` under which the state may be believed without reading the content; absent: read it. */
  readonly d?: string;
}

/** What is below declared paths without a path of its own. */
export interface Unnamed {
  /** None, where there are too many. */
  readonly items: readonly { readonly folder: Path; readonly text: string; readonly id: string; readonly isClosed?: true }[];
  readonly count: number;
  /** Over all items, whatever their order. */
  readonly sum: string;
}

/** What the operator registered for every process that captures here. An option that is absent has its default. */
export interface Settings {
  readonly exclusive?: readonly string[];
  readonly ignore?: readonly string[];
  readonly fileBytesMax?: number;
  readonly treeEntriesMax?: number;
  readonly watchedEntriesMax?: number;
}

/** Where a declared link leads, and the stat identity of what is there. */
export interface Lead {
  readonly p: Path;
  readonly to: string;
  readonly d: string;
}

/**
 * Every record of the journal.
 * `do` is durable before a file is touched, `did` follows it: at most one `do` or `plan`, the last one, is open, and only after a kill.
 * `did` without a `do` records observations (reads, declared resources). `plan` is the write-ahead of an inverse, closed by `step` or `aborted`.
 * `seen` has what a look at declared paths found different from the last record. `opened` is the first record of every journal.
 */
export type JournalRecord =
  | { readonly k: 'do'; readonly at: AttemptRef; readonly es: readonly Entry[] }
  | { readonly k: 'did'; readonly at: AttemptRef; readonly es: readonly Entry[] }
  | {
      readonly k: 'declared';
      readonly at: AttemptRef;
      readonly paths: readonly Path[];
      readonly links: readonly Lead[];
      /** Absent: nothing. */
      readonly unnamed?: Unnamed;
      /** Milliseconds since 1970. */
      readonly ms: number;
    }
  | { readonly k: 'opened'; readonly store: string }
  | ({ readonly k: 'settings' } & Settings)
  | { readonly k: 'seen'; readonly es: readonly (readonly [Path, Known])[] }
  | { readonly k: 'released'; readonly at: AttemptRef }
  | { readonly k: 'settled'; readonly at: AttemptRef }
  | { readonly k: 'token'; readonly run: string; readonly token: string }
  | {
      readonly k: 'plan';
      readonly run: string;
      readonly step: number;
      readonly at: AttemptRef;
      readonly es: readonly Entry[];
      /** Ordinals of the effects that are undone. */
      readonly undid: readonly number[];
      /** Device and inode of the folders that it writes in, and neither creates nor removes. */
      readonly folders: readonly (readonly [Path, string])[];
      /** Findings about what it overwrites, in mode `force`. Absent: nothing. */
      readonly overwritten?: readonly Finding[];
    }
  | {
      readonly k: 'step';
      readonly run: string;
      readonly step: number;
      readonly at: AttemptRef;
      readonly es: readonly Entry[];
      readonly undid: readonly number[];
      readonly outcome: InverseOutcome;
      readonly findings: readonly Finding[];
      readonly residue: readonly string[];
    }
  | { readonly k: 'aborted'; readonly run: string; readonly step: number };

/** A content of `n` bytes follows the record. */
export interface ImageRecord {
  readonly k: 'image';
  /** Lower-case hex SHA-256. */
  readonly d: string;
  readonly n: number;
}

export type Intent = Extract<JournalRecord, { k: 'do' | 'plan' }>;
export type StepRecord = Extract<JournalRecord, { k: 'step' }>;
