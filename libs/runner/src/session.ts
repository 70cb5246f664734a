import type { RunState } from '@recant/events';
import type { PlanHeader, PlanStep, Vector } from '@recant/planner';
import type { ApprovedPlan, WorkStep } from './approved-plan.ts';
import { RunnerError } from './error.ts';
import { createPace, type Pace } from './pace.ts';
import type { Change, Claim, RunnerConfig, RunnerPorts, RunRecord, StepChange, StepRecord } from './ports.ts';
import { nextRunState, type RunEvent } from './run-machine.ts';
import { createSourceEvents, type SourceEvents } from './source-events.ts';
import { nextStepState, type StepEvent } from './step-machine.ts';
import { createWaiting, type Waiting } from './waiting.ts';

/** One worker's view of the run that it claimed. Changes count only after `commit` resolved. */
export interface Session {
  readonly claim: Claim;
  readonly plan: string;
  readonly source: string;
  readonly header: PlanHeader;
  readonly vector: Vector;
  readonly events: SourceEvents;
  /** Systems for whose answer a person has to care; not asked again by this worker. */
  readonly unreachable: Set<string>;
  readonly waiting: Waiting;
  readonly pace: Pace;
  readonly state: RunState;
  step(number: number): StepRecord;
  planStep(number: number): WorkStep;
  /** Whole steps of the plan, in the order of their numbers. @throws RunnerError `plan_changed` */
  load(steps: readonly Pick<WorkStep, 'step'>[]): Promise<readonly PlanStep[]>;
  readonly steps: readonly StepRecord[];
  /** Steps, the events added to `events`, and the lease, in one transaction. @throws RunnerError `claim_lost` */
  commit(changes: readonly StepMove[], alarm?: string | null): Promise<void>;
  /** False: a person changed the state meanwhile. `events` may be added to `events` before. @throws RunnerError `claim_lost` */
  move(event: RunEvent): Promise<boolean>;
  /** Reads what a person decided meanwhile. @throws RunnerError `claim_lost` */
  reload(): Promise<void>;
}

/** A step's event, for the transition table, with its changes. */
export type StepMove = Omit<StepChange, 'state'> & { readonly event: StepEvent };

export function openSession(
  record: RunRecord,
  plan: ApprovedPlan,
  { store, clock }: Pick<RunnerPorts, 'store' | 'clock'>,
  config: RunnerConfig,
): Session {
  const steps = new Map(record.steps.map((step) => [step.step, step]));
  const events = createSourceEvents(record.source, record.sequenceNext, () => clock.now());
  const waiting = createWaiting(record.waits, clock, config);
  const pace = createPace(record.limits.rowsPerSecond, clock, record.rateFreeMs);
  let state = record.state;
  let waits = JSON.stringify(record.waits);

  const lost = () => new RunnerError('claim_lost', `Run ${record.claim.run} was claimed by another worker.`);
  const reload = async (): Promise<void> => {
    const now = await store.load(record.claim);
    if (now === undefined) throw lost();
    state = now.state;
    for (const step of now.steps) steps.set(step.step, step);
  };
  const isPaced = record.limits.rowsPerSecond !== undefined;
  const commit = async (change: Change): Promise<boolean> => {
    const now = JSON.stringify(waiting.systems);
    const beside = { ...(now !== waits && { waits: waiting.systems }), ...(isPaced && { rateFreeMs: pace.waitMs() }) };
    const committed = await store.commit(record.claim, { ...change, ...beside });
    if (committed.kind === 'lost') throw lost();
    if (committed.kind === 'committed') waits = now;
    state = committed.state;
    if (committed.kind === 'moved') {
      await reload();
      return false;
    }
    for (const changed of change.steps) steps.set(changed.step, { ...(steps.get(changed.step) as StepRecord), ...changed });
    return true;
  };
  return {
    claim: record.claim,
    plan: record.plan,
    source: record.source,
    header: record.header,
    vector: Object.fromEntries(Object.entries(record.header.vector).map(([shard, size]) => [Number(shard), BigInt(size)])),
    events,
    unreachable: new Set(),
    waiting,
    pace,
    reload,
    get state() {
      return state;
    },
    step: (number) => steps.get(number) as StepRecord,
    planStep: (number) => plan.steps.get(number) as WorkStep,
    load: (wanted) => plan.load(wanted.map(({ step }) => step)),
    get steps() {
      return [...steps.values()];
    },
    async commit(moves, alarm) {
      const changes = moves.map(({ event, ...change }) => ({
        ...change,
        state: after((steps.get(change.step) as StepRecord).state, event, change.step),
      }));
      await commit({ steps: changes, events: events.drain(), ...(alarm === undefined ? {} : { alarm }) });
    },
    async move(event) {
      const to = nextRunState(state, event);
      if (to === undefined) throw new Error(`R1: no ${event} in ${state}`);
      return commit({ steps: [], events: events.drain(), run: { from: state, to }, alarm: null });
    },
  };
}

function after(state: StepRecord['state'], event: StepEvent, step: number): StepRecord['state'] {
  const next = nextStepState(state, event);
  if (next === undefined) throw new Error(`S1: no ${event} of step ${step} in ${state}`);
  return next;
}
