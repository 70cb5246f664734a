import type { PlanView, RunView } from '@recant/api';
import { ApiError, ConnectionError, type WholeRun, wholeRun } from '@recant/client';
import { type Accounted, accountHead, accountJson, followUpsText, frozenText } from '../../render/account.ts';
import { hasEnded } from '../../render/run.ts';
import { EXIT, type ExitCode } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { exitOf } from '../exit-of-run.ts';
import { planRepeats } from '../plan-repeats.ts';
import { untilApproved } from './approving.ts';
import { drain } from './draining.ts';
import { type Flow, say, stopped, title } from './flow.ts';
import { freezeTargets } from './freezing.ts';
import { confirmPlan, planUntilRunnable } from './planning.ts';
import { startRun, untilEnded } from './running.ts';
import { thaw } from './thawing.ts';

/** Plans in a row that go stale before `--yes` gives up: somebody who is not frozen goes on. */
const STALE_MAX = 3;

/** The steps in order, each from where the ledger says that it is. @returns the exit code */
export async function walk(flow: Flow): Promise<ExitCode> {
  if (flow.run === undefined) {
    await freezeTargets(flow);
    if (flow.plan === undefined) await drain(flow);
    const started = await planAndStart(flow);
    if (started === undefined) return nothingToUndo(flow);
    flow.run = started;
  }
  return account(flow, await untilEnded(flow, flow.run));
}

async function planAndStart(flow: Flow): Promise<RunView | undefined> {
  const { yes } = flow.given;
  let stored: PlanView | undefined = flow.plan;
  let before: PlanView | undefined;
  for (let stale = 0; ; stale++) {
    if (yes && stale >= STALE_MAX)
      throw stopped(
        flow,
        EXIT.refused,
        `The plan became stale ${stale} times: somebody goes on changing what it undoes, or is selected and goes on. Freeze them (recant freeze), or end the window: --to.`,
      );
    if (stale > 0) await drain(flow);
    const runnable = await planUntilRunnable(flow, stored, before);
    if (runnable.counts.steps === 0) return undefined;
    const plan = await confirmPlan(flow, await untilApproved(flow, runnable));
    const run = await startRun(flow, plan);
    if (run !== undefined) return run;
    stored = undefined;
    before = plan;
  }
}

/** What matched the selection has no effect, is undone already, or cannot be undone. */
async function nothingToUndo(flow: Flow): Promise<ExitCode> {
  say(flow, 'Nothing to run: no selected attempt has an effect that can be undone.');
  await settleAccount(flow, accountedOf(flow), true);
  return EXIT.refused;
}

/** Step 7: to stdout, for a ticket. */
async function account(flow: Flow, run: RunView): Promise<ExitCode> {
  const { client, session, given } = flow;
  title(flow, 'Account');
  const repeats = await planRepeats(session.client, run.plan);
  if (repeats !== undefined) flow.repeats = repeats;
  const whole = await wholeRun(client, run);
  const totals = await unlessRefused(client.runTotals(run.id));
  const stays =
    whole.account.rowsStay === undefined
      ? undefined
      : await unlessRefused(client.planRows(run.plan, { fate: 'stays' }, { limit: STAYS_MAX }));
  const accounted = { ...accountedOf(flow, whole), ...(totals && { totals }), ...(stays && { stays: stays.items }) };
  await settleAccount(flow, accounted, hasEnded(run));
  return exitOf(run, false, given.acceptClaimed);
}

/** Rows in conflict that an account names. */
const STAYS_MAX = 100;

/** Whoever is asked about the thaw has read what was done and what is left to do. */
async function settleAccount(flow: Flow, accounted: Accounted, isOver: boolean): Promise<void> {
  const { world, session } = flow;
  if (!session.json) world.out.write(`${accountHead(accounted, session.paint)}${followUpsText(accounted)}`);
  if (isOver) await thaw(flow);
  const { freezes } = flow;
  world.out.write(session.json ? json(accountJson({ ...accounted, freezes })) : frozenText({ freezes }));
}

/** What else is known of the rollback is shown all the same. */
async function unlessRefused<T>(request: Promise<T>): Promise<T | undefined> {
  return request.catch((error: unknown) => {
    if (error instanceof ApiError || error instanceof ConnectionError) return undefined;
    throw error;
  });
}

function accountedOf({ reason, freezes, plan, repeats }: Flow, run?: WholeRun): Accounted {
  return { reason, freezes, ...(plan && { plan }), ...(run && { run }), ...(repeats && { repeats }) };
}
