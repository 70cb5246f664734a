import type { PlanView } from '@recant/api';
import { ApiError, type WholeRun, wholeRun } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import { compare, type Database, type Mismatch, readChanges, readDatabase, replay } from './recorder.ts';
import type { Drawn } from './selections.ts';
import type { Call } from './sessions.ts';
import type { Stage } from './stage.ts';

/** Result of undoing one selection. */
export interface Undone {
  readonly title: string;
  /** Undefined if the plan has nothing to run. */
  readonly run: string | undefined;
  readonly steps: number;
  readonly conflicts: number;
  readonly undone: number;
  readonly mismatches: readonly Mismatch[];
}

/** Results of all accounts so far, to compare with the harness's record. */
export interface Books {
  readonly start: Database;
  readonly calls: readonly Call[];
  /** Actions that the accounts list as undone. */
  readonly undone: Set<string>;
  /** Action undone by each inverse. */
  readonly originals: Map<string, string>;
}

const STOPPED = new Set(['finished', 'cancelled', 'waiting', 'paused']);
const RUN_MS_MAX = 120_000;
const UNDONE = new Set<string>(['restored', 'already_undone']);

/**
 * Plans a selection with `refuse` and runs the plan. If it conflicts, checks that it is refused and changes nothing, then runs it with `skip`.
 * Afterwards the database must equal the harness's replay.
 */
export async function undo(stage: Stage, drawn: Drawn, books: Books): Promise<Undone> {
  const refuse = await stage.operator.createPlan({ selection: drawn.selection, mode: 'refuse' });
  const { conflicts } = refuse.counts;
  if (conflicts > 0) await expectRefused(stage, refuse);
  const plan = conflicts > 0 ? await stage.operator.createPlan({ selection: drawn.selection, mode: 'skip' }) : refuse;
  const account = plan.runnable ? await run(stage, plan) : undefined;
  const undone = account === undefined ? 0 : enter(books, account);
  const undoneCalls = new Set(books.calls.filter((call) => books.undone.has(call.action)).map((call) => call.call));
  const mismatches = compare(
    replay(books.start, await readChanges(stage.db), undoneCalls, stage.keys),
    await readDatabase(stage.db, stage.keys),
    stage.derived,
  );
  return { title: drawn.title, run: account?.id, steps: plan.counts.steps, conflicts, undone, mismatches };
}

async function expectRefused(stage: Stage, plan: PlanView): Promise<void> {
  const before = await readDatabase(stage.db, stage.keys);
  const refusal = await stage.operator.createRun(plan.id, plan.digest).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof ApiError) || refusal.code !== 'plan_conflicts')
    throw new Error(`A plan with conflicts was not refused: ${String(refusal)}`);
  if (compare(before, await readDatabase(stage.db, stage.keys), new Set()).length > 0)
    throw new Error('A refused plan changed the database');
}

async function run(stage: Stage, plan: PlanView): Promise<WholeRun> {
  let account = await stage.operator.createRun(plan.id, plan.digest);
  await waitUntil(
    async () => {
      account = await stage.operator.run(account.id);
      return STOPPED.has(account.state);
    },
    { timeoutMs: RUN_MS_MAX, what: 'the run to stop' },
  );
  if (account.state !== 'finished') throw new Error(`The run stopped unfinished: ${account.state} ${account.alarm ?? ''}`);
  return wholeRun(stage.operator, account);
}

/** Nobody writes during a rollback, so a planned step that is not restored is a defect. */
function enter(books: Books, account: WholeRun): number {
  for (const step of account.stepList) {
    if (!UNDONE.has(step.outcome ?? '')) throw new Error(`Step ${step.step} ended ${step.outcome}: ${JSON.stringify(step.findings)}`);
    const original = books.originals.get(step.undoes.action);
    if (original === undefined) books.undone.add(step.undoes.action);
    else books.undone.delete(original);
    if (step.inverse !== undefined) books.originals.set(step.inverse.action, original ?? step.undoes.action);
  }
  return account.stepList.length;
}
