import type { PlanView, RunView } from '@recant/api';
import { ApiError } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import { compare, type Database, type Mismatch, readChanges, readDatabase, replay } from './recorder.ts';
import type { Drawn } from './selections.ts';
import type { Call } from './sessions.ts';
import type { Stage } from './stage.ts';

/** What one selection came to. */
export interface Undone {
  readonly title: string;
  readonly steps: number;
  readonly conflicts: number;
  readonly restored: number;
  readonly left: number;
  readonly mismatches: readonly Mismatch[];
}

const ENDED = new Set(['finished', 'cancelled', 'waiting', 'paused']);
const RUN_MS_MAX = 120_000;
const UNDONE = new Set<string>(['restored', 'already_undone']);

/**
 * Plans a selection with `refuse`; runs it, or, where it conflicts, sees that it is refused and changes nothing, and runs it with `skip`.
 * Afterwards the database has to be what the harness replays.
 */
export async function undo(
  stage: Stage,
  drawn: Drawn,
  calls: readonly Call[],
  start: Database,
  undoneActions: Set<string>,
): Promise<Undone> {
  const refuse = await stage.operator.createPlan({ selection: drawn.selection, mode: 'refuse' });
  const conflicts = refuse.body.conflicts.length;
  if (conflicts > 0) await seeRefused(stage, refuse);
  const plan = conflicts > 0 ? await stage.operator.createPlan({ selection: drawn.selection, mode: 'skip' }) : refuse;
  const restored = plan.runnable ? await run(stage, plan, undoneActions) : 0;
  const undoneCalls = new Set(calls.filter((call) => undoneActions.has(call.action)).map((call) => call.call));
  const expected = replay(start, await readChanges(stage.db), undoneCalls);
  const mismatches = compare(expected, await readDatabase(stage.db));
  return { title: drawn.title, steps: plan.body.steps.length, conflicts, restored, left: plan.body.left.length, mismatches };
}

async function seeRefused(stage: Stage, plan: PlanView): Promise<void> {
  const before = await readDatabase(stage.db);
  const refusal = await stage.operator.createRun(plan.id, plan.digest).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof ApiError) || refusal.code !== 'plan_conflicts')
    throw new Error(`A plan with conflicts was not refused: ${String(refusal)}`);
  if (compare(before, await readDatabase(stage.db)).length > 0) throw new Error('A refused plan changed the database');
}

async function run(stage: Stage, plan: PlanView, undoneActions: Set<string>): Promise<number> {
  let account: RunView = await stage.operator.createRun(plan.id, plan.digest);
  await waitUntil(
    async () => {
      account = await stage.operator.run(account.id);
      return ENDED.has(account.state);
    },
    { timeoutMs: RUN_MS_MAX, what: 'the run to end' },
  );
  if (account.state !== 'finished') throw new Error(`The run stands still: ${account.state} ${account.alarm ?? ''}`);
  const undone = account.stepList.filter((step) => UNDONE.has(step.outcome ?? ''));
  for (const step of undone) undoneActions.add(step.undoes.action);
  return undone.length;
}
