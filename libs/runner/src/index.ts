export { type Account, accountOf, type PlanSummary, summarize } from './account.ts';
export { type Driven, driveRun } from './drive.ts';
export { createEmitter, type Emitter } from './emit.ts';
export { RunnerError, type RunnerErrorCode } from './error.ts';
export { AGENT, createLane, type Lane, LEASE_MS } from './lane.ts';
export {
  type Change,
  type Claim,
  type Clock,
  type Committed,
  type EventReceipt,
  type EventTransport,
  type Failpoint,
  type FailpointName,
  type Outbox,
  type OutboxItem,
  RUNNER_CONFIG,
  type RunFindingCode,
  type RunnerConfig,
  type RunnerPorts,
  type RunRecord,
  type RunStore,
  type StepChange,
  type StepFinding,
  type StepRecord,
  type Targets,
} from './ports.ts';
export { isRunEnd, nextRunState, RUN_STATES, RUN_TABLE, type RunEvent, type RunState } from './run-machine.ts';
export {
  endedWell,
  nextStepState,
  STEP_OUTCOMES,
  STEP_STATES,
  STEP_TABLE,
  type StepEvent,
  type StepOutcome,
  type StepState,
} from './step-machine.ts';
