import { NAME_BYTES_MAX, STEP_OUTCOMES, STEP_STATES } from '@recant/events';
import { z } from 'zod';
import { ApprovalBody, ApprovalInput, ApprovalState } from './approval-shapes.ts';
import { ordinal } from './field.ts';
import { PageQuery } from './page.ts';
import { listPlanAmbiguous, listPlanConflicts, listPlanLeft, listPlanSteps, listPlanTainted } from './plan-items.ts';
import { listPlanRows } from './plan-rows.ts';
import { listPlanRepeats } from './repeats.ts';
import {
  EndedTransactions,
  PLAN_WAIT_MS_MAX,
  PlanBodyShape,
  PlanInput,
  RunBody,
  RunInput,
  RunPage,
  RunStepPage,
  RunTotalsBody,
  StepsActed,
  StepsInput,
} from './rollback-shapes.ts';
import { route } from './route.ts';
import { watchRun } from './run-progress.ts';
import { AcceptedIncomplete, AcceptIncompleteInput, SystemBody, SystemInput, SystemList } from './system-shapes.ts';
import { WatermarkBody } from './watermark-shapes.ts';

export { ApprovalBody, ApprovalInput, ApprovalState, StatementBody } from './approval-shapes.ts';
export * from './plan-items.ts';
export * from './plan-rows.ts';
export * from './repeats.ts';
export * from './rollback-shapes.ts';
export * from './run-progress.ts';
export * from './selection-shapes.ts';
export * from './system-shapes.ts';
export * from './watermark-shapes.ts';

const name = z.string().min(1).max(NAME_BYTES_MAX);
const readers = ['view', 'plan', 'execute', 'administer'] as const;
const common = { tag: 'rollback' } as const;
const runParams = z.object({ run: name });
const stepParams = z.object({ run: name, step: ordinal });

export const listSystems = route({
  ...common,
  operationId: 'listSystems',
  method: 'get',
  path: '/v1/systems',
  summary: 'Registered systems, without their options',
  roles: readers,
  responses: { 200: { description: 'All systems', schema: SystemList } },
});
export const removeSystem = route({
  operationId: 'removeSystem',
  method: 'delete',
  path: '/v1/systems/{system}',
  ...common,
  summary: 'Remove a registered system',
  description: 'Rollbacks no longer write there. What the system itself stores of the capture stays: `recant disconnect` removes it first.',
  roles: ['administer'],
  params: z.object({ system: z.string().max(64) }),
  responses: { 204: { description: 'Removed' } },
  errors: ['system_unknown'],
});
export const registerSystem = route({
  ...common,
  operationId: 'registerSystem',
  method: 'post',
  path: '/v1/systems',
  summary: 'Register a system as a target of rollbacks',
  roles: ['administer'],
  description:
    'The connector opens the system before the registration is stored. Repeating a registration returns 200; a name that is registered for another system is refused.',
  body: { kind: 'json', schema: SystemInput, bytesMax: 65_536 },
  responses: { 200: { description: 'Already registered', schema: SystemBody }, 201: { description: 'Registered', schema: SystemBody } },
  errors: ['system_exists', 'system_options_invalid', 'system_not_prepared', 'system_unreachable', 'connector_unknown'],
});
export const acceptIncomplete = route({
  ...common,
  operationId: 'acceptIncomplete',
  method: 'post',
  path: '/v1/systems/{system}/incomplete',
  summary: 'Accept that changes of a system were not captured',
  roles: ['administer'],
  description:
    'Holes in the capture that exist now (`coverage_lost`) no longer prevent an undo. Runs that go past them end `restored_unverified` at best.',
  params: z.object({ system: z.string().max(64) }),
  body: { kind: 'json', schema: AcceptIncompleteInput, bytesMax: 4_096 },
  responses: { 200: { description: 'What was accepted; empty if there was no hole', schema: AcceptedIncomplete } },
  errors: ['system_unknown', 'system_unreachable'],
});
export const endTransaction = route({
  ...common,
  operationId: 'endTransaction',
  method: 'post',
  path: '/v1/systems/{system}/transactions/{pid}/end',
  summary: 'End a transaction that an agent left open in a system',
  roles: ['administer', 'execute'],
  description: 'Ends the session of an agent’s login, which rolls its transaction back. Sessions of other logins cannot be ended.',
  params: z.object({ system: z.string().max(64), pid: ordinal }),
  responses: { 200: { description: 'What was ended; empty if it is not open any more', schema: EndedTransactions } },
  errors: ['system_unknown', 'system_unreachable', 'system_not_prepared'],
});
export const showWatermark = route({
  ...common,
  operationId: 'showWatermark',
  method: 'get',
  path: '/v1/watermark',
  summary: 'Wait until what was sent or committed before is recorded',
  description: 'What a plan waits for before it reads the ledger. Returns once it is there, or after `waitMs` with what is not.',
  roles: ['plan', 'execute', 'administer'],
  query: z.object({ waitMs: z.int().min(0).max(PLAN_WAIT_MS_MAX).optional() }),
  responses: { 200: { description: 'How far the ledger reaches', schema: WatermarkBody } },
  errors: ['ledger_unavailable'],
});
export const createPlan = route({
  ...common,
  operationId: 'createPlan',
  record: 'own',
  method: 'post',
  path: '/v1/plans',
  summary: 'Plan the rollback of a selection',
  roles: ['plan', 'execute', 'administer'],
  description:
    'Waits until what was sent or committed before is recorded, reads the ledger and probes the systems; stores nothing but the plan. `watermark` names what has not arrived or is missing.',
  body: { kind: 'json', schema: PlanInput, bytesMax: 1_048_576 },
  responses: { 201: { description: 'The plan', schema: PlanBodyShape } },
  errors: [
    'projection_behind',
    'selection_invalid',
    'selection_empty',
    'agent_unknown',
    'run_unknown',
    'time_invalid',
    'time_zone_missing',
    'window_empty',
    'plan_too_large',
    'plan_mode_invalid',
    'missing_unknown',
    'acceptance_without_reason',
    'force_without_reason',
    'override_unmatched',
    'override_ambiguous',
    'ledger_unavailable',
  ],
});
export const showPlan = route({
  ...common,
  operationId: 'showPlan',
  method: 'get',
  path: '/v1/plans/{plan}',
  summary: 'A plan, without its steps and other items',
  roles: [...readers, 'approve'],
  params: z.object({ plan: name }),
  responses: { 200: { description: 'The plan', schema: PlanBodyShape } },
  errors: ['plan_unknown'],
});
export const approvePlan = route({
  ...common,
  operationId: 'approvePlan',
  method: 'post',
  path: '/v1/plans/{plan}/approvals',
  summary: 'Approve a plan that another caller requested',
  roles: ['approve'],
  callers: 'people',
  description:
    'The digest identifies the reviewed plan. An approval expires. Approving a plan whose run was started without an approval reviews that start and ends its alarm.',
  params: z.object({ plan: name }),
  body: { kind: 'json', schema: ApprovalInput, bytesMax: 4_096 },
  responses: { 201: { description: 'Approved', schema: ApprovalBody } },
  errors: ['plan_unknown', 'plan_digest_mismatch', 'self_approval', 'requester_unknown'],
});
export const askApproval = route({
  ...common,
  operationId: 'askApproval',
  method: 'post',
  path: '/v1/plans/{plan}/approvals/ask',
  summary: 'Ask other people to approve a plan',
  roles: ['plan', 'execute'],
  description:
    'Raises the alarm `approval_wanted`, unless the plan needs no approval, has one, or has started. A refused start of the run does the same. The alarm ends with an approval, with the run, or after a day.',
  params: z.object({ plan: name }),
  responses: { 200: { description: 'What the plan needs now', schema: ApprovalState } },
  errors: ['plan_unknown'],
});
export const withdrawApprovals = route({
  ...common,
  operationId: 'withdrawApprovals',
  method: 'delete',
  path: '/v1/plans/{plan}/approvals',
  summary: 'Withdraw the approvals of a plan before it runs',
  roles: ['approve'],
  callers: 'people',
  description: 'Withdraws all approvals of the plan, also those that other people gave. After the run has started, cancel the run instead.',
  params: z.object({ plan: name }),
  responses: { 200: { description: 'What the plan needs now', schema: ApprovalState } },
  errors: ['plan_unknown', 'approval_none', 'run_started'],
});
export const createRun = route({
  ...common,
  operationId: 'createRun',
  record: 'own',
  method: 'post',
  path: '/v1/runs',
  summary: 'Run a plan',
  roles: ['execute'],
  description:
    'The digest identifies the reviewed plan. A plan runs once: repeating the request returns 200 with the existing run. With `breakGlass` and a reason (header `recant-reason`) it starts without the approval that it needs, and raises the alarm `break_glass`.',
  body: { kind: 'json', schema: RunInput, bytesMax: 4_096 },
  responses: { 200: { description: 'Run already exists', schema: RunBody }, 201: { description: 'Queued', schema: RunBody } },
  errors: [
    'projection_behind',
    'plan_unknown',
    'plan_digest_mismatch',
    'plan_conflicts',
    'plan_incomplete',
    'plan_empty',
    'plan_stale',
    'run_too_large',
    'approval_missing',
    'approval_expired',
    'approval_withdrawn',
    'fences_too_many',
    'time_invalid',
    'time_zone_missing',
    'key_time_invalid',
    'break_glass_without_reason',
    'ledger_unavailable',
  ],
});
export const listRuns = route({
  ...common,
  operationId: 'listRuns',
  method: 'get',
  path: '/v1/runs',
  summary: 'Runs, newest first',
  roles: readers,
  query: z.object(PageQuery),
  responses: { 200: { description: 'A page', schema: RunPage } },
  errors: ['cursor_invalid'],
});
export const showRun = route({
  ...common,
  operationId: 'showRun',
  method: 'get',
  path: '/v1/runs/{run}',
  summary: 'A run with its current account, without its steps',
  roles: readers,
  params: runParams,
  responses: { 200: { description: 'The run', schema: RunBody } },
  errors: ['run_unknown'],
});
export const showRunTotals = route({
  ...common,
  operationId: 'showRunTotals',
  method: 'get',
  path: '/v1/runs/{run}/totals',
  summary: 'What a run did, counted by table and folder',
  roles: readers,
  params: runParams,
  responses: { 200: { description: 'The totals', schema: RunTotalsBody } },
  errors: ['run_unknown'],
});
export const listRunSteps = route({
  ...common,
  operationId: 'listRunSteps',
  method: 'get',
  path: '/v1/runs/{run}/steps',
  summary: 'Steps of a run, with findings and residue',
  description: 'A page has at most 4 MiB. With several conditions, steps that meet all of them.',
  roles: readers,
  params: runParams,
  query: z.object({
    state: z.array(z.enum(STEP_STATES)).optional(),
    outcome: z.array(z.enum(STEP_OUTCOMES)).optional(),
    code: z.string().max(64).optional().meta({ description: 'Only steps with a finding of this code.' }),
    ...PageQuery,
  }),
  responses: { 200: { description: 'A page', schema: RunStepPage } },
  errors: ['run_unknown', 'cursor_invalid'],
});
const runOperation = {
  ...common,
  method: 'post',
  roles: ['execute'],
  responses: { 200: { description: 'The run', schema: RunBody } },
} as const;
export const pauseRun = route({
  ...runOperation,
  operationId: 'pauseRun',
  path: '/v1/runs/{run}/pause',
  summary: 'Pause a run at its next safe point',
  params: runParams,
  errors: ['run_unknown', 'run_state_conflict'],
});
export const resumeRun = route({
  ...runOperation,
  operationId: 'resumeRun',
  path: '/v1/runs/{run}/resume',
  summary: 'Resume a paused or waiting run',
  params: runParams,
  errors: ['run_unknown', 'run_state_conflict'],
});
export const cancelRun = route({
  ...runOperation,
  operationId: 'cancelRun',
  path: '/v1/runs/{run}/cancel',
  summary: 'Cancel a run at its next safe point; steps not started end `skipped`',
  params: runParams,
  errors: ['run_unknown', 'run_state_conflict'],
});
export const retryStep = route({
  ...runOperation,
  operationId: 'retryStep',
  path: '/v1/runs/{run}/steps/{step}/retry',
  summary: 'Retry a stuck step',
  params: stepParams,
  errors: ['run_unknown', 'step_unknown', 'step_not_stuck'],
});
export const skipStep = route({
  ...runOperation,
  operationId: 'skipStep',
  path: '/v1/runs/{run}/steps/{step}/skip',
  summary: 'Skip a stuck step',
  params: stepParams,
  errors: ['run_unknown', 'step_unknown', 'step_not_stuck'],
});

const bulkOperation = {
  ...runOperation,
  description: 'Of the stuck steps, all or those that match every given field. If none matches, nothing changes.',
  params: runParams,
  body: { kind: 'json', schema: StepsInput, bytesMax: 1_048_576 },
  responses: { 200: { description: 'The steps that were changed', schema: StepsActed } },
  errors: ['run_unknown', 'step_not_stuck'],
} as const;
export const retrySteps = route({
  ...bulkOperation,
  operationId: 'retrySteps',
  path: '/v1/runs/{run}/retry',
  summary: 'Retry stuck steps of a run',
});
export const skipSteps = route({
  ...bulkOperation,
  operationId: 'skipSteps',
  path: '/v1/runs/{run}/skip',
  summary: 'Skip stuck steps of a run',
});

/** Every route of the rollback service. */
export const ROLLBACK_ROUTES = [
  listSystems,
  registerSystem,
  removeSystem,
  acceptIncomplete,
  endTransaction,
  showWatermark,
  createPlan,
  showPlan,
  listPlanSteps,
  listPlanConflicts,
  listPlanLeft,
  listPlanAmbiguous,
  listPlanTainted,
  listPlanRows,
  listPlanRepeats,
  approvePlan,
  askApproval,
  withdrawApprovals,
  createRun,
  listRuns,
  showRun,
  showRunTotals,
  watchRun,
  listRunSteps,
  pauseRun,
  resumeRun,
  cancelRun,
  retryStep,
  skipStep,
  retrySteps,
  skipSteps,
] as const;
