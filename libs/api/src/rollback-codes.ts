import type { ErrorDescription } from './error-description.ts';

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
    action: 'Plan again with mode `skip` to undo all but what is in the way, or with another selection.',
  },
  plan_empty: {
    status: 409,
    title: 'The plan has no step',
    retry: 'never',
    action: 'Nothing is left to undo; `left` of the plan says why.',
  },
  plan_stale: {
    status: 409,
    title: 'The ledger has outgrown the plan',
    retry: 'never',
    action:
      'Plan again: something new matches the selection or touches what would be undone. An agent that goes on outgrows every plan: stop it or revoke its key first (`recant keys revoke KEY`).',
  },
  approval_missing: {
    status: 409,
    title: 'Nobody has approved the plan',
    retry: 'never',
    action: 'Have another person look at it and approve it: `recant approve PLAN`. Then run it.',
  },
  approval_expired: {
    status: 409,
    title: 'The approval has expired',
    retry: 'never',
    action: 'Have it approved again: `recant approve PLAN`. Then run it.',
  },
  approval_own: {
    status: 409,
    title: 'Not by who asked for the plan',
    retry: 'never',
    action: 'Have another person approve it.',
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
