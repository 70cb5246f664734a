import type { PlanView, RunView } from '@recant/api';
import { ApiError, wholeRun } from '@recant/client';
import { hasEnded, runText } from '../../render/run.ts';
import { ask } from '../../terminal/ask.ts';
import { EXIT } from '../../terminal/exit.ts';
import { count, printable } from '../../terminal/output.ts';
import { follow } from '../follow-run.ts';
import { choose, type Flow, say, stopped, throwIfStopped } from './flow.ts';

/** @returns undefined if the plan became stale, so that another one is needed. @throws CliError, ApiError for other refusals */
export async function startRun(flow: Flow, plan: PlanView): Promise<RunView | undefined> {
  const { client, given } = flow;
  const { fence, deadline, rowsPerSecond } = given;
  for (let rows = given.rows; ; ) {
    try {
      return await client.createRun(plan.id, plan.digest, {
        rows,
        breakGlass: flow.breakGlass || undefined,
        fence,
        deadline,
        rowsPerSecond,
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 'plan_stale') return stale(flow, error);
      if (error.code !== 'run_too_large') throw error;
      rows = await confirmRows(flow, plan, rows);
    }
  }
}

function stale(flow: Flow, error: ApiError): undefined {
  say(flow, `${flow.session.paint('yellow', 'The plan became stale:')} ${printable(error.problem.detail)}`);
}

/** A number that has to be read to be typed: over the service's limit, one key is too easily pressed. */
async function confirmRows(flow: Flow, { counts: { rows } }: PlanView, before: number | undefined): Promise<number> {
  const message = `The run changes ${count(rows, 'row or file', 'rows and files')}, more than a run may without a confirmation`;
  if (!flow.interactive || before === rows) throw stopped(flow, EXIT.refused, `${message}.`, ` --rows ${rows} --yes`);
  const typed = await ask(flow.world, `${message}. Type ${rows} to confirm: `);
  if (typed !== String(rows)) throw stopped(flow, EXIT.refused, 'Not confirmed: nothing was undone.');
  return rows;
}

/** Step 6, until the run has ended, or waits for a person who is not here. */
export async function untilEnded(flow: Flow, started: RunView): Promise<RunView> {
  let run = started;
  for (;;) {
    flow.run = run = await follow(flow.world, flow.session, run);
    throwIfStopped(flow);
    if (hasEnded(run) || !flow.interactive) return run;
    say(flow, runText(await wholeRun(flow.client, run), flow.session.paint));
    run = run.state === 'paused' ? await decidePaused(flow, run) : await decideStuck(flow, run);
  }
}

async function decidePaused(flow: Flow, { id }: RunView): Promise<RunView> {
  const answer = await choose(flow, 'The run is paused.', { r: 'resume', c: 'cancel the rest', q: 'stop watching' });
  if (answer === 'q') throw stopped(flow, EXIT.failed, 'The run is paused.');
  return answer === 'r' ? flow.client.resumeRun(id) : flow.client.cancelRun(id);
}

async function decideStuck(flow: Flow, { id, states: { stuck = 0 } }: RunView): Promise<RunView> {
  const question = `${count(stuck, 'step')} of the run cannot be undone now.`;
  const answer = await choose(flow, question, { r: 'retry', s: 'skip: stays as the agent left it', q: 'stop watching' });
  if (answer === 'q') throw stopped(flow, EXIT.failed, 'The run waits for a person.');
  await unlessDecided(answer === 'r' ? flow.client.retrySteps(id, {}) : flow.client.skipSteps(id, {}));
  return flow.client.run(id);
}

/** Another operator may have decided meanwhile. */
async function unlessDecided(decision: Promise<unknown>): Promise<void> {
  await decision.catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.code !== 'step_not_stuck') throw error;
  });
}
