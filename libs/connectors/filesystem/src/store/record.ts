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
}

/**
 * Every record of the journal.
 * `do` is durable before a file is touched, `did` follows it: at most one `do` or `plan`, the last one, is open, and only after a kill.
 * `did` without a `do` records observations (reads, declared resources). `plan` is the write-ahead of an inverse, closed by `step` or `aborted`.
 */
export type JournalRecord =
  | { readonly k: 'do'; readonly at: AttemptRef; readonly es: readonly Entry[] }
  | { readonly k: 'did'; readonly at: AttemptRef; readonly es: readonly Entry[] }
  | {
      readonly k: 'declared';
      readonly at: AttemptRef;
      readonly paths: readonly Path[];
      readonly states: readonly (readonly [Path, State])[];
    }
  | { readonly k: 'settled'; readonly at: AttemptRef }
  | { readonly k: 'token'; readonly run: string; readonly token: string }
  | { readonly k: 'plan'; readonly run: string; readonly step: number; readonly at: AttemptRef; readonly es: readonly Entry[] }
  | {
      readonly k: 'step';
      readonly run: string;
      readonly step: number;
      readonly at: AttemptRef;
      readonly es: readonly Entry[];
      readonly outcome: InverseOutcome;
      readonly findings: readonly Finding[];
      readonly residue: readonly string[];
    }
  | { readonly k: 'aborted'; readonly run: string; readonly step: number };

export type Intent = Extract<JournalRecord, { k: 'do' | 'plan' }>;
export type StepRecord = Extract<JournalRecord, { k: 'step' }>;
