export { type Approvals, createApprovals } from './approvals.ts';
export { createErasures, type Erasure, type ErasureReport, type Erasures } from './erasures.ts';
export { type LastEvent, lastEventUnder, lastNumberOf } from './last-number.ts';
export { createOutbox } from './outbox.ts';
export { createPlans, type Plans, type StoredPlan } from './plans.ts';
export { type ReadRunProgress, runProgressReader, type StoredRunProgress } from './run-progress.ts';
export { createRunStore } from './run-store.ts';
export { createRuns, type NewRun, type RunPage, type Runs, type StoredRun } from './runs.ts';
