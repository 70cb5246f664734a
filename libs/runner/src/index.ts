export { type Account, accountOf, type PlanSummary, summarize } from './account.ts';
export { type Away, type Driven, driveRun } from './drive.ts';
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
  type RunLimits,
  type RunnerConfig,
  type RunnerPorts,
  type RunRecord,
  type RunStore,
  type RunWait,
  type StepChange,
  type StepFinding,
  type StepLedger,
  type StepRecord,
  type Targets,
} from './ports.ts';
export { type AskedStep, type Refusal, rehearseSteps } from './rehearse.ts';
export { isRunEnd, nextRunState, type RunEvent } from './run-machine.ts';
export { createSourceEvents, LEASE_MS, type SourceEvents } from './source-events.ts';
export {
  endedWell,
  nextStepState,
  type StepEvent,
} from './step-machine.ts';
