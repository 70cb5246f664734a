import { randomUUID } from 'node:crypto';
import { aimOf, type BrokenKind, breakAfter, breakBefore } from './broken.ts';
import { type Mode, type Question, type Undone, undoByService } from './by-service.ts';
import { compare } from './compare.ts';
import { type Expected, expect, runSteps } from './expect.ts';
import { explain } from './explain.ts';
import { kindsIn } from './occurred.ts';
import { undoStep, worldOf } from './oracle.ts';
import { type History, play } from './play.ts';
import { effectsBetween, readRows } from './record.ts';
import { drawScript } from './script.ts';
import type { Service } from './service.ts';
import { createSpeakers } from './speakers.ts';
import type { Target } from './target.ts';

/** How an undo ended: with a verdict, refused before its first write, nothing to undo, or waiting for a person. */
export type End = 'fully restored' | 'unverified' | 'partly restored' | 'not restored' | 'refused' | 'nothing' | 'waits' | 'error';
export interface Outcome {
  readonly seed: number;
  readonly kinds: readonly string[];
  readonly mode: Mode;
  readonly end: End;
  readonly mismatches: readonly string[];
  /** Something was broken on purpose. */
  readonly isBroken?: boolean;
}

export interface Stage {
  readonly target: Target;
  readonly service: Service;
  /** Of every agent. */
  readonly apiKey: string;
  /** Gets all of a history and of its undo. */
  readonly onEnd?: ((text: string) => void) | undefined;
  /** What is broken on purpose, so that the oracle has to see it. */
  broken?: BrokenKind | undefined;
  /** The last history left changes that the ledger does not have yet. */
  isLeft: boolean;
  /** For another play: the same one, or another where this seed spends it. */
  next(seed: number): Promise<Stage>;
}

/** Plays one history, undoes its selection in both modes, and compares. Without a conflict in \`refuse\` it is played twice. */
export async function judge(stage: Stage, seed: number): Promise<readonly Outcome[]> {
  const first = await playOnce(stage, seed, `${seed}-refuse`);
  const refuse = await undo(first, 'refuse', stage);
  if (refuse.end === 'refused' || refuse.end === 'nothing') return [refuse, await undo(first, 'skip', stage)];
  return [refuse, await undo(await playOnce(await stage.next(seed), seed, `${seed}-skip`), 'skip', stage)];
}

/** The target has another shape: the next history gets another one. */
export const isSpent = (seed: number): boolean => drawScript(seed).kinds.has('ALTER in between');

/** @param name of this play of it: sources and actions of each one are its own */
export async function playOnce(stage: Stage, seed: number, name: string): Promise<Question> {
  const { target, service, apiKey, broken } = stage;
  await target.reset();
  if (stage.isLeft) await drained(service);
  const script = drawScript(seed, broken && aimOf(broken));
  const fromMs = Date.now();
  const speakers = createSpeakers(script, name, target, service, apiKey);
  const history = await play(script, speakers).catch(async (error: Error) => {
    await speakers.close().catch(() => undefined);
    throw error;
  });
  await speakers.close();
  if (script.accepts && history.holes.length > 0) await service.operator.acceptIncomplete(target.system, { reason: 'history' });
  stage.isLeft = history.waiting.length > 0 || script.kinds.has('capture at its limit');
  return { history, target, service, speakers, fromMs };
}

/** A plan of nothing waits for the drain. */
export async function drained({ operator }: Service): Promise<void> {
  await operator.createPlan({ selection: { actions: [randomUUID()] } });
}

export async function undo(question: Question, mode: Mode, { onEnd, broken }: Pick<Stage, 'onEnd' | 'broken'>): Promise<Outcome> {
  const { history, target } = question;
  const expected = expect(history);
  const before = await readRows(target.owner, history.names);
  const isBrokenBefore = await breakBefore(broken, question, expected);
  const found = await undoByService(question, mode);
  const altered = await breakAfter(broken, question, found);
  const undone = altered ?? found;
  const after = await readRows(target.owner, history.names);
  onEnd?.(`${mode}: ${explain(history, expected, undone)}`);
  const end = endOf(undone);
  const mismatchesWith = (wanted: Expected): readonly string[] => [
    ...compareAttempts(history, wanted, undone, mode),
    ...compareEnd(history, wanted, undone, end, mode),
    ...(undone.verdict === undefined ? effectsBetween(before, after).map(({ row }) => `${row}: changed without a run`) : []),
    ...(undone.verdict === undefined ? [] : compareCells(history, wanted, undone, after)),
  ];
  const inTurn = mismatchesWith(expected);
  const mismatches = inTurn.length > 0 && mismatchesWith(expect(history, true)).length === 0 ? [] : inTurn;
  const isBroken = isBrokenBefore || altered !== undefined;
  return { seed: history.script.seed, kinds: kindsIn(history), mode, end, mismatches, ...(isBroken && { isBroken }) };
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

function endOf({ verdict, code, state }: Undone): End {
  return state === 'waiting' ? 'waits' : (ENDS[verdict ?? code ?? ''] ?? 'error');
}

/** Steps that a run in mode `refuse` ends, or does not begin, because of another one. */
const HELD = ['conflict', 'pending'];

/** A refused plan names some of the conflicts: what depends on a conflict need not be named. */
function compareAttempts(
  history: History,
  { attempts, order }: Expected,
  { attempts: found, conflicting, code }: Undone,
  mode: Mode,
): string[] {
  const { ends } = runSteps(history, order);
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
  return ['restored', 'already_undone', 'no_effect', 'effects_unknown', 'planned', 'pending'].includes(outcome) ? outcome : 'conflict';
}

/** Verdicts and ends: \`expect.ts\` has the rules. */
function compareEnd(history: History, expected: Expected, { isOpen, verdict, code }: Undone, end: End, mode: Mode): string[] {
  const { ends } = runSteps(history, expected.order);
  const outcomes = [...expected.attempts].map(([attempt, { outcome }]) =>
    ends.get(attempt)?.outcome === 'conflicted' ? 'conflict' : outcome,
  );
  const planned = [...expected.attempts.values()].map(({ outcome }) => outcome);
  const isRefused = planned.includes('conflict') || (expected.isOpen && !history.script.withoutOpen);
  const mismatches =
    isOpen === expected.isOpen || expected.attempts.size === 0 ? [] : [`open transactions: expected ${expected.isOpen}, got ${isOpen}`];
  const wanted = wantedEnd(mode, outcomes, expected, { isRefused, isHole: history.holes.length > 0 && history.script.accepts });
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
  if (outcomes.includes('conflict')) return ['partly restored'];
  const isDoubtful = isOpen || doubtful.size > 0;
  // Whether a step goes past a loss that a person accepted is the target's to say.
  return isDoubtful ? ['unverified'] : isHole ? ['fully restored', 'unverified'] : ['fully restored'];
}

/** The steps that were restored, in their order. */
function compareCells(history: History, { order }: Expected, { attempts }: Undone, after: Awaited<ReturnType<typeof readRows>>): string[] {
  const world = worldOf(history, true);
  for (const attempt of order) if (attempts.get(attempt)?.outcome === 'restored') undoStep(world, attempt, true);
  return compare(world, after).map(({ cell, expected, found }) => `${cell}: expected ${expected}, got ${found}`);
}
