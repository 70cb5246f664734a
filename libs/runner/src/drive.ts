import { eventId, OWN_AGENT, uuidv7 } from '@recant/events';
import type { PlanStep } from '@recant/planner';
import { accountOf, type PlanSummary } from './account.ts';
import { approvedPlan, type WorkStep } from './approved-plan.ts';
import { RunnerError } from './error.ts';
import { nextWork, type Work } from './next-work.ts';
import { type Claim, RUNNER_CONFIG, type RunnerConfig, type RunnerPorts } from './ports.ts';
import { refuseWhole } from './refuse-run.ts';
import { runAcross, runSkipping } from './run-across.ts';
import { runBatch } from './run-batch.ts';
import { isRunEnd, nextRunState } from './run-machine.ts';
import { openSession, type Session } from './session.ts';
import { endAfter, endWithout, recordEnd } from './step-end.ts';

/** Why a worker stopped. `alarmed`: the plan differs from the approved one or lacks an approval, and no step ran. `released`: another worker may
 * continue. */
export type Driven = 'finished' | 'cancelled' | 'paused' | 'waiting' | 'released' | 'alarmed' | Away;

/** Only systems that do not answer are left, or the run is at its rate: it is to be claimed again after this time. */
export interface Away {
  readonly awayMs: number;
}

/**
 * Works on a claimed run until it ends, pauses or needs a person. After a kill the next worker resumes from what is committed (I6).
 * @throws RunnerError `claim_lost | ledger_unavailable | event_refused | plan_changed`; the run can be claimed again.
 */
export async function driveRun(ports: RunnerPorts, claim: Claim, config: RunnerConfig = RUNNER_CONFIG): Promise<Driven> {
  const record = await ports.store.load(claim);
  if (!record) return 'finished';
  const plan = await approvedPlan(ports.plans, record);
  const objection =
    plan === undefined
      ? 'The plan of this run differs from the approved one: digest mismatch.'
      : await ports.objection?.(record, plan.counts);
  if (plan === undefined || objection !== undefined) {
    await raiseAlarm(ports, claim, objection ?? null);
    return 'alarmed';
  }
  const session = openSession(record, plan, ports, config);
  for (let to = nextRunState(session.state, 'claim'); to !== session.state; to = nextRunState(session.state, 'claim')) {
    if (to === undefined) return isRunEnd(session.state) ? 'finished' : 'paused';
    await session.move('claim');
  }
  await ports.emitter.flush(claim.tenant, session.source);
  const { pace } = session;
  const { deadlineAtMs = Number.POSITIVE_INFINITY } = record.limits;
  const beforeMs = deadlineAtMs - ports.clock.now();
  // After the deadline nothing starts that this would have to precede.
  if (beforeMs > 0 && (await refuseWhole(session, ports))) return leaveAway(session, Math.min(session.waiting.dueMs() ?? 0, beforeMs));
  for (;;) {
    if (ports.stopping?.()) return 'released';
    const work = nextWork(session, config.batchSteps, pace.batchRows);
    const isGoing = session.state === 'running' && (work.kind !== 'none' || work.dueMs !== undefined);
    const leftMs = deadlineAtMs - ports.clock.now();
    if (isGoing && leftMs <= 0) {
      await session.move('pause');
      continue;
    }
    const pausedMs = work.kind === 'none' ? work.dueMs : isGoing && rowsIn(session, work) > 0 ? pace.waitMs() : 0;
    if (pausedMs !== undefined && pausedMs > 0 && session.state === 'running') {
      await ports.emitter.flush(claim.tenant, session.source);
      const delayMs = Math.min(pausedMs, leftMs);
      if (delayMs > SLEEP_MS_MAX || (work.kind === 'none' && !hasLocks(session))) return leaveAway(session, delayMs);
      await ports.clock.sleep(Math.min(delayMs, PACE_MS_MAX));
      await session.reload();
      continue;
    }
    if (work.kind !== 'none') {
      pace.started(rowsIn(session, work));
      await perform(session, ports, config, work);
      continue;
    }
    // The ledger has all events of the run before its end becomes visible, so that a new plan sees them.
    await ports.emitter.flush(claim.tenant, session.source);
    const stopped = await stop(session, plan.summary, work.stuck, ports);
    if (stopped === undefined) continue;
    await ports.emitter.flush(claim.tenant, session.source);
    return stopped;
  }
}

async function raiseAlarm({ store }: Pick<RunnerPorts, 'store'>, claim: Claim, alarm: string | null): Promise<void> {
  const { kind } = await store.commit(claim, { steps: [], events: [], alarm });
  if (kind === 'lost') throw new RunnerError('claim_lost', `Run ${claim.run} was claimed by another worker.`);
}

/** Longer waits give the worker's place to another run. */
const SLEEP_MS_MAX = 5_000;
/** A person's pause or cancel is known within this time. */
const PACE_MS_MAX = 1_000;

/** Rows and files that are changed by work that starts; each step counts as one at least. What an earlier worker has started was counted then. */
function rowsIn(session: Session, work: Work): number {
  if (work.kind === 'across') return session.step(work.step.step).state === 'pending' ? Math.max(1, work.step.resources) : 0;
  if (work.kind !== 'batch' || work.resumed) return 0;
  return work.steps.reduce((rows, { resources }) => rows + Math.max(1, resources), 0);
}

/** Whether steps wait for locks, which the next worker would not know. */
function hasLocks({ steps, waiting }: Session): boolean {
  return steps.some(({ step }) => waiting.isLocked(step));
}

/** What the run waits for is stored with it. */
async function leaveAway(session: Session, awayMs: number): Promise<Away> {
  await session.commit([]);
  return { awayMs };
}

async function perform(session: Session, ports: RunnerPorts, config: RunnerConfig, work: Exclude<Work, { kind: 'none' }>): Promise<void> {
  switch (work.kind) {
    case 'batch':
      return runBatch(session, ports, config, await session.load(work.steps), work.resumed);
    case 'across':
      return runAcross(session, ports, config, await only(session, work.step));
    case 'skipping':
      return runSkipping(session, ports, config, await only(session, work.step));
    case 'blocked':
      return session.commit(work.steps.map(({ step, by }) => recordEnd(session, endAfter(step, by), 0)));
    case 'unreachable':
      return session.commit(
        work.steps.map(({ step, system }) => ({
          step,
          event: 'stick',
          findings: [{ code: 'unreachable', system, detail: `System ${system} does not answer.` }],
        })),
      );
    case 'cancelled': {
      const cancelled = { code: 'cancelled', detail: 'The run was cancelled.' } as const;
      return session.commit(
        work.steps.map(({ step, state }) =>
          state === 'stuck' ? { step, event: 'skip' } : recordEnd(session, endWithout(step, 'skipped', cancelled), 0),
        ),
      );
    }
  }
}

const only = async (session: Session, step: WorkStep): Promise<PlanStep> => (await session.load([step]))[0] as PlanStep;

/** Undefined: a person changed the state meanwhile; choose the next work again. */
async function stop(
  session: Session,
  summary: PlanSummary,
  stuck: number,
  ports: Pick<RunnerPorts, 'clock' | 'random16'>,
): Promise<Driven | undefined> {
  const ended = session.steps.every(({ state }) => state === 'ended');
  if (!ended && session.state === 'pausing') return (await session.move('reach')) ? 'paused' : undefined;
  if (!ended) {
    if (stuck === 0) throw new Error(`S1: run ${session.claim.run} has open steps but no work left`);
    return (await session.move('wait')) ? 'waiting' : undefined;
  }
  const to = nextRunState(session.state, 'finish');
  if (to === undefined || !isRunEnd(to)) throw new Error(`R1: no finish in ${session.state}`);
  const { outcomes, verdict } = accountOf(summary, session.steps);
  const { run } = session.claim;
  const act = uuidv7(ports.clock.now(), ports.random16());
  session.events.add('recant.act.recorded.v1', eventId.act(act, 'done'), {
    act,
    actor: { id: OWN_AGENT },
    operation: 'finishRun',
    object: { run, plan: session.plan },
    outcome: 'done',
    detail: { state: to, verdict, outcomes: outcomes as Record<string, number> },
  });
  session.events.add('recant.source.closed.v1', eventId.closed(), { reason: to });
  if (await session.move('finish')) return to === 'finished' ? 'finished' : 'cancelled';
  session.events.discard(2);
  return undefined;
}
