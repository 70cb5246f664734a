export { type Account, accountOf, type PlanSummary, summarize } from './account.ts';
export { type Driven, driveRun } from './drive.ts';
export { createEmitter } from './emit.ts';
export { RunnerError, type RunnerErrorCode } from './error.ts';
export {
  type Change,
  type Claim,
  type Clock,
  type Committed,
  type Emitter,
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
export { isRunEnd, nextRunState, RUN_STATES, type RunEvent, type RunState } from './run-machine.ts';
export { AGENT, createSourceEvents, LEASE_MS, type SourceEvents } from './source-events.ts';
export {
  endedWell,
  nextStepState,
  STEP_OUTCOMES,
  type StepEvent,
  type StepOutcome,
  type StepState,
} from './step-machine.ts';
