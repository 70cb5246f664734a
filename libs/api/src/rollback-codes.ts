import type { ErrorDescription } from './error-description.ts';

/** Codes of the rollback service. */
export const ROLLBACK_ERROR_CODES = {
  selection_invalid: {
    status: 400,
    title: 'Invalid selection',
    retry: 'never',
    action:
      'Correct what the detail names. Fields are lists of names (agents, sessions, tools, ...); `where` is a condition; see docs/cli.md, Selections.',
  },
  selection_empty: {
    status: 400,
    title: 'Empty selection',
    retry: 'never',
    action: 'Name at least one agent, session, trace, tool, resource, outcome, action or run, or set a window or a condition.',
  },
  system_unknown: {
    status: 404,
    title: 'Unknown system',
    retry: 'never',
    action: 'Check the name; list the registered systems with `recant systems`.',
  },
  system_exists: {
    status: 409,
    title: 'System name already registered',
    retry: 'never',
    action: 'Choose another name: a registered name always means the same system.',
  },
  system_options_invalid: {
    status: 422,
    title: 'Invalid connector options',
    retry: 'never',
    action: 'Correct the options that the detail names.',
  },
  system_not_prepared: {
    status: 422,
    title: 'System not prepared',
    retry: 'never',
    action: 'Prepare and register it with `recant connect`.',
  },
  system_unreachable: {
    status: 422,
    title: 'System unreachable',
    retry: 'safe',
    action: 'Check address and credentials, then register it again with `recant connect`.',
  },
  connector_unknown: {
    status: 422,
    title: 'Unknown connector',
    retry: 'never',
    action: 'Use one of the connectors that the detail lists.',
  },
  plan_unknown: {
    status: 404,
    title: 'Unknown plan',
    retry: 'never',
    action: 'Check the id, or make a plan with `recant plan`.',
  },
  plan_digest_mismatch: {
    status: 409,
    title: 'Plan digest mismatch',
    retry: 'never',
    action: 'Send the digest of the plan that you reviewed (`recant plan --show PLAN`), or plan again.',
  },
  plan_conflicts: {
    status: 409,
    title: 'Plan has conflicts',
    retry: 'never',
    action:
      'Plan again: `--mode skip` leaves out the conflicting attempts (with `--partial` only their conflicting rows), `--mode cascade` undoes later writers as well, `--force ID --reason TEXT` overwrites what others wrote after this attempt.',
  },
  plan_incomplete: {
    status: 409,
    title: 'Record of the plan incomplete',
    retry: 'never',
    action:
      'Bring what is missing into the ledger and plan again, or accept each by name: `recant plan ... --accept-missing ID --reason TEXT` (`recant plan --show PLAN` lists them).',
  },
  missing_unknown: {
    status: 409,
    title: 'Accepted id names nothing that is missing',
    retry: 'never',
    action: 'Plan without the acceptance, read what is missing now, and accept that: `recant plan ... --accept-missing ID --reason TEXT`.',
  },
  acceptance_without_reason: {
    status: 400,
    title: 'Acceptance without a reason',
    retry: 'never',
    action: 'Say why you plan without what is missing: `--reason TEXT` (header `recant-reason`).',
  },
  plan_empty: {
    status: 409,
    title: 'Plan without steps',
    retry: 'never',
    action: 'Check `left` in the plan for the reasons: nothing remains to undo.',
  },
  plan_mode_invalid: {
    status: 400,
    title: 'Invalid plan mode',
    retry: 'never',
    action: 'Combine options as the detail says: `recant plan --mode skip --partial`, `recant plan --mode cascade --cascade-reads`.',
  },
  force_without_reason: {
    status: 400,
    title: 'Mode force without a reason',
    retry: 'never',
    action: 'Say why later values of others may be overwritten: `--reason TEXT` (header `recant-reason`).',
  },
  override_unmatched: {
    status: 400,
    title: 'Mode for no selected attempt',
    retry: 'never',
    action: 'Correct the condition or the id of `--force`, `--skip` or `--cascade`; `recant plan` without it lists the selected attempts.',
  },
  override_ambiguous: {
    status: 400,
    title: 'Two modes for one attempt',
    retry: 'never',
    action: 'Narrow the conditions of `--force`, `--skip` and `--cascade`, so that each attempt matches those of one mode only.',
  },
  plan_stale: {
    status: 409,
    title: 'Stale plan',
    retry: 'never',
    action:
      'Plan again: new attempts match the selection or touch the planned resources, or something else is missing by now. While an agent runs, every plan goes stale: stop it or revoke its key first (`recant keys revoke KEY`).',
  },
  run_too_large: {
    status: 409,
    title: 'Run too large',
    retry: 'never',
    action:
      'Check the totals with `recant explain PLAN`, then confirm the number of rows with `recant run PLAN --rows N`, or narrow the selection.',
  },
  approval_missing: {
    status: 409,
    title: 'Approval missing',
    retry: 'never',
    action: 'Ask another person to review and approve the plan with `recant approve PLAN`, then run it.',
  },
  approval_expired: {
    status: 409,
    title: 'Approval expired',
    retry: 'never',
    action: 'Ask another person to approve the plan again with `recant approve PLAN`, then run it.',
  },
  approval_withdrawn: {
    status: 409,
    title: 'Approval withdrawn',
    retry: 'never',
    action: 'Read why it was withdrawn (`recant plan --show PLAN`), plan again if the plan is wrong, and ask another person to approve it.',
  },
  approval_none: {
    status: 409,
    title: 'No approval to withdraw',
    retry: 'never',
    action: 'Nothing to do: no approval of this plan is valid (`recant plan --show PLAN`).',
  },
  run_started: {
    status: 409,
    title: 'Run already started',
    retry: 'never',
    action: 'Cancel the run with `recant status RUN --do cancel`: a withdrawal no longer stops it.',
  },
  break_glass_without_reason: {
    status: 400,
    title: 'Start without an approval needs a reason',
    retry: 'never',
    action: 'Say why nobody can approve the plan now: `recant run PLAN --break-glass --reason TEXT` (header `recant-reason`).',
  },
  self_approval: {
    status: 409,
    title: 'Self-approval not allowed',
    retry: 'never',
    action:
      'Ask another person to approve the plan: neither its author can, nor anybody else who has had the key that requested it or started its run.',
  },
  requester_unknown: {
    status: 409,
    title: 'Requester of the plan unknown',
    retry: 'never',
    action: 'Plan again as a person, or with a key that somebody is on record for: `recant keys create --person SUBJECT --role plan ...`.',
  },
  plan_too_large: {
    status: 413,
    title: 'Plan too large',
    retry: 'never',
    action: 'Narrow the selection, for instance with a shorter window, and make several plans.',
  },
  run_unknown: {
    status: 404,
    title: 'Unknown run',
    retry: 'never',
    action: 'Check the id; list the latest runs with `recant status`.',
  },
  run_state_conflict: {
    status: 409,
    title: 'Operation not possible in this run state',
    retry: 'never',
    action: 'Check the run’s state with `recant status RUN`.',
  },
  step_unknown: {
    status: 404,
    title: 'Unknown step',
    retry: 'never',
    action: 'List the steps with `recant status RUN`.',
  },
  step_not_stuck: {
    status: 409,
    title: 'Step not stuck',
    retry: 'never',
    action: 'Retry or skip only a step in state `stuck`; see `recant status RUN`.',
  },
  ledger_unavailable: {
    status: 503,
    title: 'Ledger unavailable',
    retry: 'after',
    action: 'Check that the ledger is running and the rollback service’s key is valid; nothing is undone without it.',
  },
} as const satisfies Record<string, ErrorDescription>;
