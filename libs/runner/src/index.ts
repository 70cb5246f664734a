export { type Account, accountOf, type PlanSummary, summarize } from './account.ts';
export { type Driven, driveRun, RUNNER_CONFIG, type RunnerConfig, type RunnerPorts } from './drive.ts';
export { createEmitter, type Emitter } from './emit.ts';
export { RunnerError, type RunnerErrorCode } from './error.ts';
export { AGENT, createLane, type Lane, LEASE_MS } from './lane.ts';
export type {
  Change,
  Claim,
  Clock,
  Committed,
  EventReceipt,
  EventTransport,
  Failpoint,
  FailpointName,
  Outbox,
  OutboxItem,
  RunFindingCode,
  RunRecord,
  RunStore,
  StepChange,
  StepFinding,
  StepRecord,
  Targets,
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
