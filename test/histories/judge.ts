import { type Mode, type Question, type Undone, undoByService } from './by-service.ts';
import { compare } from './compare.ts';
import { type Expected, expect, runSteps } from './expect.ts';
import { explain } from './explain.ts';
import { undoStep, worldOf } from './oracle.ts';
import { type History, play } from './play.ts';
import { effectsBetween, readRows } from './record.ts';
import { drawScript, type Kind } from './script.ts';
import type { Service } from './service.ts';
import { createSpeakers } from './speakers.ts';
import type { Target } from './target.ts';

/** How an undo ended: with a verdict, refused before its first write, nothing to undo, or waiting for a person. */
export type End = 'fully restored' | 'unverified' | 'partly restored' | 'not restored' | 'refused' | 'nothing' | 'waits' | 'error';
export interface Outcome {
  readonly seed: number;
  readonly kinds: readonly Kind[];
  readonly mode: Mode;
  readonly end: End;
  readonly mismatches: readonly string[];
}

export interface Stage {
  readonly target: Target;
  readonly service: Service;
  /** Of every agent. */
  readonly apiKey: string;
  /** Gets all of a history and of its undo. */
  readonly onEnd?: ((text: string) => void) | undefined;
  /** For another play: the same one, or another where this seed spends it. */
  next(seed: number): Promise<Stage>;
}

/** Plays one history, undoes its selection in both modes, and compares. Without a conflict in \`refuse\` it is played twice. */
export async function judge(stage: Stage, seed: number): Promise<readonly Outcome[]> {
  const first = await playOnce(stage, seed, 'refuse');
  const refuse = await undo(first, 'refuse', stage.onEnd);
  if (refuse.end === 'refused' || refuse.end === 'nothing') return [refuse, await undo(first, 'skip', stage.onEnd)];
  return [refuse, await undo(await playOnce(await stage.next(seed), seed, 'skip'), 'skip', stage.onEnd)];
}

/** The target has another shape, or changes that nobody drained: the next history gets another one. */
export function isSpent(seed: number): boolean {
  const { kinds, transactions } = drawScript(seed);
  return (
    kinds.has('ALTER in between') ||
    kinds.has('capture at its limit') ||
    transactions.some(({ end }) => end === 'open' || end === 'prepare')
  );
}

async function playOnce(
  { target, service, apiKey }: Pick<Stage, 'target' | 'service' | 'apiKey'>,
  seed: number,
  mode: Mode,
): Promise<Question> {
  await target.reset();
  const script = drawScript(seed);
  const fromMs = Date.now();
  const speakers = createSpeakers(script, `${seed}-${mode}`, target, service, apiKey);
  const history = await play(script, speakers).catch(async (error: Error) => {
    await speakers.close().catch(() => undefined);
    throw error;
  });
  await speakers.close();
  if (script.accepts && history.holes.length > 0) await service.operator.acceptIncomplete(target.system, { reason: 'history' });
  return { history, target, service, speakers, fromMs };
}

async function undo(question: Question, mode: Mode, onEnd: Stage['onEnd']): Promise<Outcome> {
  const { history, target } = question;
  const { seed, kinds } = history.script;
  const expected = expect(history);
  const before = await readRows(target.owner, history.names);
  const undone = await undoByService(question, mode);
  const after = await readRows(target.owner, history.names);
  onEnd?.(`${mode}: ${explain(history, expected, undone)}`);
  const end = endOf(undone);
  const mismatches = [
    ...compareAttempts(history, expected, undone, mode),
    ...compareEnd(history, expected, undone, end, mode),
    ...(undone.verdict === undefined ? effectsBetween(before, after).map(({ row }) => `${row}: changed without a run`) : []),
    ...(undone.verdict === undefined ? [] : compareCells(history, expected, undone, after)),
  ];
  return { seed, kinds: [...kinds], mode, end, mismatches };
}

const ENDS: Readonly<Record<string, End>> = {
  fully_restored: 'fully restored',
  restored_unverified: 'unverified',
  partly_restored: 'partly restored',
  not_restored: 'not restored',
  plan_conflicts: 'refused',
  plan_empty: 'nothing',
  agent_unknown: 'nothing',
};

function endOf({ verdict, code, state }: Undone): End {
  return state === 'waiting' ? 'waits' : (ENDS[verdict ?? code ?? ''] ?? 'error');
}

/** A refused plan names some of the conflicts: what depends on a conflict need not be named. */
function compareAttempts(
  history: History,
  { attempts, order }: Expected,
  { attempts: found, conflicting, code }: Undone,
  mode: Mode,
): string[] {
  const { ends } = runSteps(history, order);
  const isFinal = mode === 'skip' && code === undefined;
  const mismatches = [...found.keys()].filter((name) => !attempts.has(name)).map((name) => `attempt ${name} is not of the selection`);
  for (const [attempt, planned] of attempts) {
    const end = found.get(attempt);
    const wanted =
      isFinal && ends.get(attempt)?.outcome === 'conflicted' ? { outcome: 'conflict', because: ends.get(attempt)?.because ?? [] } : planned;
    const is = outcomeOf(end?.outcome);
    const isRight = isFinal
      ? is === wanted.outcome
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
  if (mode === 'refuse' && outcomes.includes('conflict')) return ['waits', 'partly restored', 'not restored'];
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
