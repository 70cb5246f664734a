/** How an undo ended, and where it differs from what the oracle expects. Imports no product code. */
import { compare } from './compare.ts';
import type { Mode } from './elements.ts';
import { type Expected, runSteps } from './expect.ts';
import { undoStep, worldOf } from './oracle.ts';
import type { History } from './play.ts';
import type { Rows } from './record.ts';

/** How an undo ended: with a verdict, refused before its first write, nothing to undo, or waiting for a person. */
export type End = 'fully restored' | 'unverified' | 'partly restored' | 'not restored' | 'refused' | 'nothing' | 'waits' | 'error';
/** How a selected attempt ended: the step's outcome, or why it has no step. */
export interface Ended {
  readonly outcome: string;
  readonly why: string;
}
export interface Undone {
  /** Undefined: no run, because of the code. */
  readonly verdict: string | undefined;
  readonly code: string | undefined;
  readonly state: string;
  /** By attempt. */
  readonly attempts: ReadonlyMap<string, Ended>;
  /** Attempts that the plan names as conflicting. */
  readonly conflicting: ReadonlySet<string>;
  readonly isOpen: boolean;
  readonly isLagging: boolean;
}

const ENDS: Readonly<Record<string, End>> = {
  fully_restored: 'fully restored',
  restored_unverified: 'unverified',
  partly_restored: 'partly restored',
  not_restored: 'not restored',
  plan_conflicts: 'refused',
  plan_incomplete: 'refused',
  plan_empty: 'nothing',
  agent_unknown: 'nothing',
};

export function endOf({ verdict, code, state }: Undone): End {
  return state === 'waiting' ? 'waits' : (ENDS[verdict ?? code ?? ''] ?? 'error');
}

/**
 * @param history with the transactions that committed between the plan and the run
 * @param after the database at the end
 */
export function mismatchesOf(history: History, expected: Expected, undone: Undone, after: Rows): readonly string[] {
  return [
    ...compareAttempts(history, expected, undone),
    ...compareEnd(history, expected, undone),
    ...(undone.verdict === undefined ? [] : compareCells(history, expected, undone, after)),
  ];
}

/** Steps that a run in mode `refuse` ends, or does not begin, because of another one. */
const HELD = ['conflict', 'pending'];

/** A refused plan names some of the conflicts: what depends on a conflict need not be named. */
function compareAttempts(history: History, expected: Expected, { attempts: found, conflicting, code }: Undone): string[] {
  const { attempts, mode } = expected;
  const { ends } = runSteps(history, expected, (attempt) => found.get(attempt)?.outcome === 'restored');
  const isFinal = code === undefined;
  const isHeld = mode === 'refuse' && [...ends.values()].some(({ outcome }) => outcome === 'conflicted');
  const mismatches = [...found.keys()].filter((name) => !attempts.has(name)).map((name) => `attempt ${name} is not of the selection`);
  for (const [attempt, planned] of attempts) {
    const end = found.get(attempt);
    const then = ends.get(attempt);
    const wanted =
      isFinal && then !== undefined
        ? { outcome: then.outcome === 'conflicted' ? 'conflict' : then.outcome, because: then.because }
        : planned;
    const is = outcomeOf(end?.outcome);
    const isRight = isFinal
      ? is === wanted.outcome || (isHeld && is !== undefined && HELD.includes(is))
      : is === wanted.outcome || is === 'planned' || (is === 'conflict' && wanted.outcome === 'conflict');
    const isNamed = isFinal || wanted.outcome === 'conflict' || !conflicting.has(attempt);
    if (!isRight || !isNamed)
      mismatches.push(`attempt ${attempt}: expected ${wanted.outcome} (${wanted.because.join('; ')}), got ${end?.outcome} (${end?.why})`);
  }
  return mismatches;
}

/** Outcomes of steps, and reasons why an attempt has none, in the words of the oracle. */
function outcomeOf(outcome: string | undefined): string | undefined {
  if (outcome === undefined) return undefined;
  if (outcome === 'irreversible') return 'stays';
  return ['restored', 'already_undone', 'no_effect', 'effects_unknown', 'planned', 'pending'].includes(outcome) ? outcome : 'conflict';
}

/** Verdicts and ends: \`expect.ts\` has the rules. */
function compareEnd(history: History, expected: Expected, undone: Undone): string[] {
  const { isOpen, verdict, code, attempts } = undone;
  const end = endOf(undone);
  const { ends } = runSteps(history, expected, (attempt) => attempts.get(attempt)?.outcome === 'restored');
  const outcomes = [...expected.attempts].map(([attempt, { outcome }]) =>
    ends.get(attempt)?.outcome === 'conflicted' ? 'conflict' : outcome,
  );
  const planned = [...expected.attempts.values()].map(({ outcome }) => outcome);
  const isRefused = planned.includes('conflict') || (expected.isOpen && !history.script.withoutOpen);
  const mismatches =
    isOpen === expected.isOpen || expected.attempts.size === 0 ? [] : [`open transactions: expected ${expected.isOpen}, got ${isOpen}`];
  const wanted = wantedEnd(expected.mode, outcomes, expected, { isRefused, isHole: history.holes.length > 0 && history.script.accepts });
  const isSame = wanted.includes(end);
  return isSame ? mismatches : [...mismatches, `end: expected ${wanted.join(' or ')}, got ${end} (${verdict ?? code})`];
}

function wantedEnd(
  mode: Mode,
  outcomes: readonly string[],
  { attempts, order, doubtful, isOpen }: Expected,
  { isRefused, isHole }: { readonly isRefused: boolean; readonly isHole: boolean },
): readonly End[] {
  if (mode === 'refuse' && isRefused) return ['refused'];
  if (attempts.size === 0 || order.length === 0) return ['nothing'];
  // One that is found before the first write of the run stops all; a later one waits for a person.
  if (mode === 'refuse' && outcomes.includes('conflict')) return ['not restored', 'waits'];
  const restored = outcomes.filter((outcome) => outcome === 'restored' || outcome === 'already_undone').length;
  if (restored === 0) return ['not restored'];
  if (outcomes.includes('conflict') || outcomes.includes('stays')) return ['partly restored'];
  const isDoubtful = isOpen || doubtful.size > 0;
  // Whether a step goes past a loss that a person accepted is the target's to say.
  return isDoubtful ? ['unverified'] : isHole ? ['fully restored', 'unverified'] : ['fully restored'];
}

/** The steps that were restored, in their order. */
function compareCells(history: History, { order }: Expected, { attempts }: Undone, after: Rows): string[] {
  const world = worldOf(history, true);
  for (const attempt of order) if (attempts.get(attempt)?.outcome === 'restored') undoStep(world, attempt, true);
  return compare(world, after).map(({ cell, expected, found }) => `${cell}: expected ${expected}, got ${found}`);
}
