import { randomUUID } from 'node:crypto';
import { aimOf, type BrokenKind, breakAfter, breakBefore } from './broken.ts';
import { type Question, undoByService } from './by-service.ts';
import type { Mode, Script } from './elements.ts';
import { type Expected, expect } from './expect.ts';
import { explain } from './explain.ts';
import { type End, endOf, mismatchesOf } from './mismatches.ts';
import { kindsIn } from './occurred.ts';
import { play } from './play.ts';
import { effectsBetween, readRows } from './record.ts';
import { drawScript } from './script.ts';
import type { Service } from './service.ts';
import { createSpeakers } from './speakers.ts';
import type { Target } from './target.ts';

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

/** Of so many histories one is undone in mode \`force\`, too. */
const FORCE_EVERY = 4;

/** Plays one history, undoes its selection in each mode, and compares. Without a conflict in \`refuse\` it is played again for \`skip\`. */
export async function judge(stage: Stage, seed: number): Promise<readonly Outcome[]> {
  const again = async (mode: Mode) => undo(await playOnce(await stage.next(seed), seed, `${seed}-${mode}`), mode, stage);
  const first = await playOnce(stage, seed, `${seed}-refuse`);
  const refuse = await undo(first, 'refuse', stage);
  const isUntouched = refuse.end === 'refused' || refuse.end === 'nothing';
  const skip = isUntouched ? await undo(first, 'skip', stage) : await again('skip');
  return seed % FORCE_EVERY === 0 ? [refuse, skip, await again('force')] : [refuse, skip];
}

/** The target has another shape: the next history gets another one. */
export const isSpent = (seed: number): boolean => drawScript(seed).kinds.has('ALTER in between');

/** @param name of this play of it: sources and actions of each one are its own */
export const playOnce = (stage: Stage, seed: number, name: string): Promise<Question> =>
  playScript(stage, drawScript(seed, stage.broken && aimOf(stage.broken)), name);

/** @param skewMs of an agent's clock, in milliseconds */
export async function playScript(stage: Stage, script: Script, name: string, skewMs?: (agent: number) => number): Promise<Question> {
  const { target, service, apiKey } = stage;
  await target.reset();
  if (stage.isLeft) await drained(service);
  const fromMs = Date.now();
  const speakers = createSpeakers(script, name, target, service, apiKey, skewMs);
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
  const expected = expect(history, false, mode);
  const before = await readRows(target.owner, history.names);
  const isBrokenBefore = await breakBefore(broken, question, expected);
  const found = await undoByService(question, mode);
  const altered = await breakAfter(broken, question, found);
  const undone = altered ?? found;
  const after = await readRows(target.owner, history.names);
  onEnd?.(`${mode}: ${explain(history, expected, undone)}`);
  const end = endOf(undone);
  const mismatchesWith = (wanted: Expected): readonly string[] => [
    ...mismatchesOf(history, wanted, undone, after),
    ...(undone.verdict === undefined ? effectsBetween(before, after).map(({ row }) => `${row}: changed without a run`) : []),
  ];
  const inTurn = mismatchesWith(expected);
  const mismatches = inTurn.length > 0 && mismatchesWith(expect(history, true, mode)).length === 0 ? [] : inTurn;
  const isBroken = isBrokenBefore || altered !== undefined;
  return { seed: history.script.seed, kinds: kindsIn(history), mode, end, mismatches, ...(isBroken && { isBroken }) };
}
