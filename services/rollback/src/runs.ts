import {
  ApiFault,
  cancelRun,
  createRun,
  listRunSteps,
  listRuns,
  PAGE_ITEMS_DEFAULT,
  pauseRun,
  type RunSummaryView,
  type RunView,
  resumeRun,
  retryStep,
  retrySteps,
  type StepsActed,
  type StepsInput,
  showRun,
  skipStep,
  skipSteps,
} from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { StoredRun } from '@recant/store';
import { bodiesOf, statementBody } from './approvals.ts';
import type { RollbackCore } from './core.ts';
import { withApiFaults } from './fault.ts';
import { itemBefore } from './plan-lists.ts';
import { limitsBody, startRun } from './starting.ts';
import { waitBodies } from './wait-bodies.ts';

export function runRoutes(core: RollbackCore): readonly BoundRoute[] {
  const act = async (tenant: string, run: string, event: 'pause' | 'resume' | 'cancel'): Promise<{ status: 200; body: RunView }> => {
    const done = await core.store.runs.act(tenant, run, event);
    if (done === 'unknown') throw unknownRun(run);
    if (done !== 'done') throw new ApiFault('run_state_conflict', `Cannot ${event} run ${run}: it is ${done}.`);
    core.wake();
    return { status: 200, body: await viewRun(core, tenant, run) };
  };
  const actOnStep = async (tenant: string, run: string, step: number, event: 'retry' | 'skip'): Promise<{ status: 200; body: RunView }> => {
    const done = await core.store.runs.actOnStep(tenant, run, step, event);
    if (done === 'run_unknown') throw unknownRun(run);
    if (done === 'step_unknown') throw new ApiFault('step_unknown', `Run ${run} has no step ${step}.`);
    if (done === 'not_stuck') throw new ApiFault('step_not_stuck', `Step ${step} of run ${run} is not stuck.`);
    core.wake();
    return { status: 200, body: await viewRun(core, tenant, run) };
  };
  const actOnSteps = async (
    tenant: string,
    run: string,
    which: StepsInput,
    event: 'retry' | 'skip',
  ): Promise<{ status: 200; body: StepsActed }> => {
    const steps = await core.store.runs.actOnSteps(tenant, run, which, event);
    if (steps === undefined) throw unknownRun(run);
    if (steps.length === 0) throw new ApiFault('step_not_stuck', `Run ${run} has no stuck step that matches.`);
    core.wake();
    return { status: 200, body: { run, steps } };
  };
  return [
    handle(createRun, async ({ caller, body, reason }) => {
      const { id, created } = await withApiFaults(() => startRun(core, caller, body, reason));
      core.wake();
      const view = await viewRun(core, caller.tenant, id);
      return created ? { status: 201, body: view } : { status: 200, body: view };
    }),
    handle(listRuns, async ({ caller, query }) => {
      const page = await core.store.runs.list(caller.tenant, { limit: query.limit ?? PAGE_ITEMS_DEFAULT, cursor: query.cursor });
      return { status: 200, body: { items: page.runs.map(summaryOf), ...(page.next === undefined ? {} : { next: page.next }) } };
    }),
    handle(showRun, async ({ caller, params }) => ({ status: 200, body: await viewRun(core, caller.tenant, params.run) })),
    handle(listRunSteps, async ({ caller, params, query }) => {
      const { limit = PAGE_ITEMS_DEFAULT, cursor, state: states, outcome: outcomes, code } = query;
      const asked = { states, outcomes, code, after: itemBefore(cursor), limit };
      const page = await core.store.runs.steps(caller.tenant, params.run, asked);
      if (page === undefined) throw unknownRun(params.run);
      const items = page.steps.map(({ takeBack: _takeBack, ...step }) => step);
      return { status: 200, body: { items, ...(page.next !== undefined && { next: String(page.next) }) } };
    }),
    handle(pauseRun, ({ caller, params }) => act(caller.tenant, params.run, 'pause')),
    handle(resumeRun, ({ caller, params }) => act(caller.tenant, params.run, 'resume')),
    handle(cancelRun, ({ caller, params }) => act(caller.tenant, params.run, 'cancel')),
    handle(retryStep, ({ caller, params }) => actOnStep(caller.tenant, params.run, params.step, 'retry')),
    handle(skipStep, ({ caller, params }) => actOnStep(caller.tenant, params.run, params.step, 'skip')),
    handle(retrySteps, ({ caller, params, body }) => actOnSteps(caller.tenant, params.run, body, 'retry')),
    handle(skipSteps, ({ caller, params, body }) => actOnSteps(caller.tenant, params.run, body, 'skip')),
  ];
}

const unknownRun = (run: string): ApiFault => new ApiFault('run_unknown', `Unknown run ${JSON.stringify(run)}.`);

function summaryOf(run: StoredRun): RunSummaryView {
  const { createdAtMs, finishedAtMs, stepCount, waits, fence, limits, ...rest } = run;
  return {
    ...rest,
    steps: stepCount,
    waits: waitBodies(waits),
    ...((limits.deadlineAtMs !== undefined || limits.rowsPerSecond !== undefined) && { limits: limitsBody(limits) }),
    ...(fence && {
      fence: { calls: fence.calls, inForce: fence.inForce, without: fence.without, expiresAt: new Date(fence.expiresAtMs).toISOString() },
    }),
    createdAt: new Date(createdAtMs).toISOString(),
    ...(finishedAtMs === undefined ? {} : { finishedAt: new Date(finishedAtMs).toISOString() }),
  };
}

async function viewRun(core: RollbackCore, tenant: string, id: string): Promise<RunView> {
  const found = await core.store.runs.find(tenant, id);
  if (!found) throw unknownRun(id);
  const said = await core.store.approvals.of(tenant, found.run.plan);
  const byName = await core.store.credentials.labelOf(tenant, found.run.by);
  return {
    ...summaryOf(found.run),
    ...(byName !== undefined && { byName }),
    states: found.states,
    intended: found.intended,
    approvals: bodiesOf(said),
    ...(said.breakGlass && { breakGlass: statementBody(said.breakGlass) }),
  };
}
