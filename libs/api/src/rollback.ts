import { NAME_BYTES_MAX, RESOURCE_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import type { ErrorDescription } from './error-codes.ts';
import { PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

/** Codes that only the rollback service gives. */
export const ROLLBACK_ERROR_CODES = {
  selection_invalid: {
    status: 400,
    title: 'Selection not understood',
    retry: 'never',
    action: 'Use the fields agents, sessions, traces, tools, resources, outcomes, actions, runs, each a list of names.',
  },
  selection_empty: {
    status: 400,
    title: 'Selection selects everything',
    retry: 'never',
    action: 'Name at least one of agents, sessions, traces, tools, resources, outcomes, actions, runs, or a window.',
  },
  system_unknown: { status: 404, title: 'Unknown system', retry: 'never', action: 'List the registered systems with GET /v1/systems.' },
  system_exists: {
    status: 409,
    title: 'A system with this name is registered',
    retry: 'never',
    action: 'Choose another name; a registered name is never pointed at another system.',
  },
  system_options_invalid: {
    status: 422,
    title: 'The connector refuses these options',
    retry: 'never',
    action: 'Correct the options as the detail says.',
  },
  system_not_prepared: {
    status: 422,
    title: 'The system is not prepared',
    retry: 'never',
    action: 'Prepare it with `recant connect`, then register it.',
  },
  system_unreachable: {
    status: 422,
    title: 'The system cannot be reached with these options',
    retry: 'safe',
    action: 'Check address and credentials, then register it again.',
  },
  connector_unknown: {
    status: 422,
    title: 'Unknown connector',
    retry: 'never',
    action: 'Use one of the connectors that the detail names.',
  },
  plan_unknown: { status: 404, title: 'Unknown plan', retry: 'never', action: 'Make a plan with POST /v1/plans.' },
  plan_digest_mismatch: {
    status: 409,
    title: 'Not the plan that was looked at',
    retry: 'never',
    action: 'Send the digest of the plan as it was shown, or plan again.',
  },
  plan_conflicts: {
    status: 409,
    title: 'The plan has conflicts',
    retry: 'never',
    action: 'Widen the selection, or plan again with mode `skip`.',
  },
  plan_empty: {
    status: 409,
    title: 'The plan has no step',
    retry: 'never',
    action: 'Nothing is left to undo; `left` of the plan says why.',
  },
  plan_outgrown: {
    status: 409,
    title: 'The ledger has outgrown the plan',
    retry: 'never',
    action: 'Plan again: something new matches the selection or touches what would be undone.',
  },
  plan_too_large: {
    status: 413,
    title: 'Too much selected for one plan',
    retry: 'never',
    action: 'Narrow the selection, for instance by a shorter window, and make several plans.',
  },
  run_unknown: { status: 404, title: 'Unknown run', retry: 'never', action: 'List the runs with GET /v1/runs.' },
  run_state: {
    status: 409,
    title: 'Not possible in this state of the run',
    retry: 'never',
    action: 'Look at the state with GET /v1/runs/{run}.',
  },
  step_unknown: { status: 404, title: 'Unknown step', retry: 'never', action: 'Look at the steps with GET /v1/runs/{run}.' },
  step_not_stuck: {
    status: 409,
    title: 'This step does not wait for a person',
    retry: 'never',
    action: 'Only a step in state `stuck` can be retried or skipped.',
  },
  ledger_unavailable: {
    status: 503,
    title: 'The ledger does not take events',
    retry: 'after',
    action: 'Check that the ledger runs and that the rollback service’s key is valid; nothing is undone without it.',
  },
} as const satisfies Record<string, ErrorDescription>;

const name = z.string().min(1).max(NAME_BYTES_MAX);
const names = z.array(name).min(1).max(1_000).optional();
const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });
const systemName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
  .meta({ description: 'Authority of the resource URIs of this system.' });

export const SystemInput = z
  .object({
    name: systemName,
    connector: name,
    options: z.record(z.string(), z.unknown()).meta({ description: 'The connector’s own; sealed at rest and never shown again.' }),
  })
  .meta({ id: 'SystemInput' });
export type SystemInput = z.infer<typeof SystemInput>;
export const SystemBody = z
  .object({
    name: systemName,
    connector: name,
    identity: z.string().meta({ description: 'What tells this system from another of the same name.' }),
    registeredAt: instant,
  })
  .meta({ id: 'System' });
export type SystemBody = z.infer<typeof SystemBody>;
export const SystemList = z.object({ items: z.array(SystemBody) }).meta({ id: 'SystemList' });
export type SystemList = z.infer<typeof SystemList>;

/** One grammar of selections for API, CLI and console: fields are and-ed, values of one field or-ed. */
export const SelectionInput = z
  .strictObject({
    agents: names,
    sessions: names,
    traces: names,
    tools: names,
    resources: z
      .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'Resource URIs, exact or ending in `*`.' }),
    outcomes: names,
    actions: names,
    runs: names.meta({ description: 'Runs whose inverses are to be undone: a rollback of a rollback.' }),
    fromMs: z.int().min(0).optional().meta({ description: 'Milliseconds since 1970, UTC; the window is `[fromMs, toMs)`.' }),
    toMs: z.int().min(0).optional(),
    clock: z
      .enum(['received', 'claimed'])
      .optional()
      .meta({ description: 'Whose clock the window is about: the ledger’s (default) or the producer’s.' }),
  })
  .meta({ id: 'Selection' });
export type SelectionInput = z.infer<typeof SelectionInput>;
export const WindowInput = z
  .strictObject({ from: z.string().max(64).optional(), to: z.string().max(64).optional(), window: z.string().max(64).optional() })
  .meta({
    id: 'Window',
    description:
      '`from` and `to`: ISO 8601 with a zone, or how long ago (`2h`). `window`: a length (`2h`), up to now or next to the one end given.',
  });
export type WindowInput = z.infer<typeof WindowInput>;

export const PlanMode = z.enum(['refuse', 'skip']).meta({
  id: 'PlanMode',
  description: 'refuse: any conflict stops the whole. skip: attempts that cannot be undone are left, and so is what depends on them.',
});
export type PlanMode = z.infer<typeof PlanMode>;
export const PlanInput = z
  .object({
    selection: SelectionInput.optional(),
    mode: PlanMode.optional(),
    window: z.union([z.string().max(64), WindowInput]).optional(),
  })
  .meta({ id: 'PlanInput' });
export type PlanInput = z.infer<typeof PlanInput>;

const AttemptRefBody = z.object({ source: z.string(), action: z.string(), attempt: z.int() }).meta({ id: 'AttemptRef' });
const who = { ref: AttemptRefBody, agent: z.string(), tool: z.string() };
const version = z.string().nullable();
export const PlanStepBody = z
  .object({
    step: z.int(),
    undoes: AttemptRefBody,
    agent: z.string(),
    tool: z.string(),
    grade: z.enum(['attested', 'claimed']),
    systems: z.array(
      z.object({
        system: z.string(),
        connector: z.string(),
        effects: z.int(),
        knownOrdinals: z.record(z.string(), z.string()),
        guards: z.array(z.object({ resource: z.string(), part: z.string(), before: version, after: version })),
      }),
    ),
    after: z.array(z.int()),
  })
  .meta({ id: 'PlanStep' });
export const ConflictBody = z
  .object({
    kind: z.enum(['later_write', 'drift', 'open', 'incomplete', 'contested', 'irreversible', 'not_registered']),
    ...who,
    resource: z.string().optional(),
    part: z.string().optional(),
    by: z.object(who).optional(),
    detail: z.string(),
  })
  .meta({ id: 'Conflict' });
export const LeftBody = z
  .object({
    ...who,
    reason: z.enum([
      'no_effect',
      'already_undone',
      'cancelled_out',
      'irreversible',
      'skipped',
      'open',
      'incomplete',
      'contested',
      'not_registered',
    ]),
    detail: z.string(),
  })
  .meta({ id: 'LeftAttempt' });
export const TaintBody = z.object({ ...who, resource: z.string(), parts: z.array(z.string()) }).meta({ id: 'Taint' });
export const PlanContents = z
  .object({
    version: z.literal(1),
    tenant: z.string(),
    mode: PlanMode,
    selection: z.record(z.string(), z.unknown()),
    vector: z.record(z.string(), z.string()),
    sources: z.record(z.string(), z.int()),
    steps: z.array(PlanStepBody),
    left: z.array(LeftBody),
    conflicts: z.array(ConflictBody),
    tainted: z.array(TaintBody),
  })
  .meta({ id: 'PlanContents', description: 'What the digest covers: SHA-256 of its canonical JSON (RFC 8785).' });
export const PlanBodyShape = z
  .object({
    id: z.string(),
    digest: z.string(),
    by: z.string().meta({ description: 'Id of the key that asked.' }),
    createdAt: instant,
    runnable: z.boolean().meta({ description: 'It has steps, and in mode `refuse` no conflict.' }),
    body: PlanContents,
    annex: z.object({
      probedAtMs: z.int(),
      findings: z.array(
        z.object({
          step: z.int(),
          resource: z.string(),
          part: z.string(),
          kind: z.enum(['drift', 'unreadable', 'already_before']),
          detail: z.string(),
        }),
      ),
    }),
  })
  .meta({ id: 'Plan' });
export type PlanView = z.infer<typeof PlanBodyShape>;

export const RunInput = z.object({ plan: z.string().min(1), digest: z.string().regex(/^[0-9a-f]{64}$/) }).meta({ id: 'RunInput' });
export type RunInput = z.infer<typeof RunInput>;
export const STEP_OUTCOMES = [
  'restored',
  'compensated',
  'already_undone',
  'conflicted',
  'expired',
  'irreversible',
  'undecided',
  'skipped',
  'failed',
] as const;
export const RUN_STATES = ['queued', 'running', 'pausing', 'paused', 'cancelling', 'waiting', 'finished', 'cancelled'] as const;
export const StepFindingBody = z
  .object({
    code: z.string(),
    detail: z.string(),
    system: z.string().optional(),
    resource: z.string().optional(),
    part: z.string().optional(),
    expected: version.optional(),
    found: version.optional(),
  })
  .meta({ id: 'StepFinding' });
export const RunStepBody = z
  .object({
    step: z.int(),
    state: z.enum(['pending', 'started', 'taking_back', 'stuck', 'skipping', 'ended']),
    outcome: z.enum(STEP_OUTCOMES).optional(),
    undoes: AttemptRefBody,
    agent: z.string(),
    tool: z.string(),
    systems: z.array(z.string()),
    inverse: AttemptRefBody.optional().meta({ description: 'The inverse’s own attempt, once it was intended.' }),
    findings: z.array(StepFindingBody),
    residue: z.array(z.string()),
  })
  .meta({ id: 'RunStep' });
export type RunStepView = z.infer<typeof RunStepBody>;
export const AccountBody = z
  .object({
    selected: z.int().meta({ description: 'Attempts in the selection.' }),
    outcomes: z.record(z.string(), z.int()).meta({ description: 'Ended steps by outcome.' }),
    left: z.record(z.string(), z.int()).meta({ description: 'Selected attempts without a step, by reason.' }),
    open: z.int().meta({ description: 'Steps that have not ended.' }),
    residue: z.array(z.string()),
    tainted: z.int(),
    fullyRestored: z.boolean().meta({ description: 'Every selected attempt was restored or was undone already, and none was left.' }),
  })
  .meta({ id: 'Account' });
export type AccountView = z.infer<typeof AccountBody>;
const RunSummaryFields = {
  id: z.string(),
  plan: z.string(),
  digest: z.string(),
  by: z.string(),
  mode: PlanMode,
  state: z.enum(RUN_STATES),
  createdAt: instant,
  finishedAt: instant.optional(),
  steps: z.int(),
  account: AccountBody,
  /** Why the run stands still, when it does. */
  alarm: z.string().optional(),
};
export const RunSummary = z.object(RunSummaryFields).meta({ id: 'RunSummary' });
export type RunSummaryView = z.infer<typeof RunSummary>;
export const RunBody = z
  .object({
    ...RunSummaryFields,
    stepList: z.array(RunStepBody),
    left: z.array(LeftBody),
    conflicts: z.array(ConflictBody),
    tainted: z.array(TaintBody),
  })
  .meta({ id: 'Run' });
export type RunView = z.infer<typeof RunBody>;
export const RunPage = pageOf(RunSummary).meta({ id: 'RunPage' });
export type RunPageView = z.infer<typeof RunPage>;

const readers = ['view', 'plan', 'execute', 'administer'] as const;
const common = { tag: 'rollback' } as const;
const runParams = z.object({ run: name });
const stepParams = z.object({ run: name, step: z.int().min(1) });

export const listSystems = route({
  ...common,
  operationId: 'listSystems',
  method: 'get',
  path: '/v1/systems',
  summary: 'Registered systems, without their options',
  roles: readers,
  responses: { 200: { description: 'All systems', schema: SystemList } },
});
export const registerSystem = route({
  ...common,
  operationId: 'registerSystem',
  method: 'post',
  path: '/v1/systems',
  summary: 'Register a system that may be written to when undoing',
  roles: ['administer'],
  description:
    'The connector opens the system before anything is kept. The same registration again is answered 200; the same name for another system is refused.',
  body: { kind: 'json', schema: SystemInput, bytesMax: 65_536 },
  responses: { 200: { description: 'Registered before', schema: SystemBody }, 201: { description: 'Registered', schema: SystemBody } },
  errors: ['system_exists', 'system_options_invalid', 'system_not_prepared', 'system_unreachable', 'connector_unknown'],
});
export const createPlan = route({
  ...common,
  operationId: 'createPlan',
  method: 'post',
  path: '/v1/plans',
  summary: 'Plan the undoing of a selection',
  roles: ['plan', 'execute', 'administer'],
  description: 'Reads the ledger and probes the systems; changes nothing but the list of plans.',
  body: { kind: 'json', schema: PlanInput, bytesMax: 1_048_576 },
  responses: { 201: { description: 'The plan', schema: PlanBodyShape } },
  errors: [
    'selection_invalid',
    'selection_empty',
    'agent_unknown',
    'run_unknown',
    'time_invalid',
    'time_zone_missing',
    'window_empty',
    'plan_too_large',
    'ledger_unavailable',
  ],
});
export const showPlan = route({
  ...common,
  operationId: 'showPlan',
  method: 'get',
  path: '/v1/plans/{plan}',
  summary: 'A plan',
  roles: readers,
  params: z.object({ plan: name }),
  responses: { 200: { description: 'The plan', schema: PlanBodyShape } },
  errors: ['plan_unknown'],
});
export const createRun = route({
  ...common,
  operationId: 'createRun',
  method: 'post',
  path: '/v1/runs',
  summary: 'Run a plan',
  roles: ['execute'],
  description:
    'The digest says that this is the plan which was looked at. A plan runs once: asked again, the answer is 200 with the run there is.',
  body: { kind: 'json', schema: RunInput, bytesMax: 4_096 },
  responses: { 200: { description: 'Asked before', schema: RunBody }, 201: { description: 'Queued', schema: RunBody } },
  errors: ['plan_unknown', 'plan_digest_mismatch', 'plan_conflicts', 'plan_empty', 'plan_outgrown', 'ledger_unavailable'],
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
  summary: 'A run with its steps and its account so far',
  roles: readers,
  params: runParams,
  responses: { 200: { description: 'The run', schema: RunBody } },
  errors: ['run_unknown'],
});
const runAct = { ...common, method: 'post', roles: ['execute'], responses: { 200: { description: 'The run', schema: RunBody } } } as const;
export const pauseRun = route({
  ...runAct,
  operationId: 'pauseRun',
  path: '/v1/runs/{run}/pause',
  summary: 'Pause at the next safe point',
  params: runParams,
  errors: ['run_unknown', 'run_state'],
});
export const resumeRun = route({
  ...runAct,
  operationId: 'resumeRun',
  path: '/v1/runs/{run}/resume',
  summary: 'Go on',
  params: runParams,
  errors: ['run_unknown', 'run_state'],
});
export const cancelRun = route({
  ...runAct,
  operationId: 'cancelRun',
  path: '/v1/runs/{run}/cancel',
  summary: 'Stop at the next safe point; steps not started end `skipped`',
  params: runParams,
  errors: ['run_unknown', 'run_state'],
});
export const retryStep = route({
  ...runAct,
  operationId: 'retryStep',
  path: '/v1/runs/{run}/steps/{step}/retry',
  summary: 'Try a stuck step again',
  params: stepParams,
  errors: ['run_unknown', 'step_unknown', 'step_not_stuck'],
});
export const skipStep = route({
  ...runAct,
  operationId: 'skipStep',
  path: '/v1/runs/{run}/steps/{step}/skip',
  summary: 'Leave a stuck step',
  params: stepParams,
  errors: ['run_unknown', 'step_unknown', 'step_not_stuck'],
});

/** Every route of the rollback service. */
export const ROLLBACK_ROUTES = [
  listSystems,
  registerSystem,
  createPlan,
  showPlan,
  createRun,
  listRuns,
  showRun,
  pauseRun,
  resumeRun,
  cancelRun,
  retryStep,
  skipStep,
] as const;
