/**
 * The closed lists of words that logs, API, domain, store and CLI share. Each is defined here and nowhere else; a word that a log or a database
 * already holds is never renamed.
 */

/** The agent that Recant's own events and inverses are recorded under. No key of a user may use it. */
export const OWN_AGENT = 'recant';
/** The tenant of the operator who runs the ledger: it owns what no other tenant can be named for. */
export const OPERATOR_TENANT = OWN_AGENT;

/**
 * What a caller may do. `rollback` is reserved for Recant's own services, `approve` for people; `unseal` reads sealed parts.
 */
export const ROLES = ['emit', 'view', 'plan', 'execute', 'export', 'administer', 'unseal', 'approve', 'monitor', 'rollback'] as const;
export type Role = (typeof ROLES)[number];

/** How a settlement says that an attempt ended. `unknown`: it was given up, or its answer was lost, and it may have taken effect. */
export const OUTCOMES = ['succeeded', 'failed', 'denied', 'suspended', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** State of an attempt, computed from its events: its outcome, or that there is none yet, or none in time (`unknown`, too). */
export const ATTEMPT_STATUSES = ['open', ...OUTCOMES] as const;
export type AttemptStatus = (typeof ATTEMPT_STATUSES)[number];

/** `attested`: recorded by the target system itself. `claimed`: reported by the agent's process. */
export const GRADES = ['attested', 'claimed'] as const;
export type Grade = (typeof GRADES)[number];

/** What the agent's side declares about a tool. `unknown`: nothing; never a conflict by itself. */
export const REVERSIBILITIES = ['read', 'reversible', 'compensable', 'irreversible', 'unknown'] as const;
export type Reversibility = (typeof REVERSIBILITIES)[number];

/** How an operator's act ended. `pending`: it is about to be executed. `refused`: by a rule, nothing changed. `failed`: its effect is unknown. */
export const ACT_OUTCOMES = ['pending', 'done', 'refused', 'failed'] as const;
export type ActOutcome = (typeof ACT_OUTCOMES)[number];

/**
 * `refuse`: any conflict refuses the whole plan. `skip`: attempts that cannot be undone are skipped, with what depends on them. `cascade`: later writers
 * of the same parts are undone as well; what cannot be undone then is skipped. `force`: later values of others are overwritten, in rows only where the target captured
 * who wrote them, in files always; what cannot be undone then is skipped.
 */
export const PLAN_MODES = ['refuse', 'skip', 'cascade', 'force'] as const;
export type PlanMode = (typeof PLAN_MODES)[number];
/** Modes of single attempts within a plan. */
export const STEP_MODES = ['skip', 'cascade', 'force'] as const satisfies readonly PlanMode[];
export type StepMode = (typeof STEP_MODES)[number];

/** What a plan does to one row or file, worst first. */
export const ROW_FATES = ['stays', 'overwrites', 'removed', 'comes_back', 'restored', 'unchanged'] as const;
export type RowFate = (typeof ROW_FATES)[number];

/** Why a plan, or an attempt of it, cannot be undone. */
export const CONFLICT_KINDS = [
  'later_write',
  'drift',
  'open',
  'incomplete',
  'irreversible',
  'not_registered',
  // What only the target knows.
  'unreadable',
  'unreachable',
  'constraint',
  'side_effect',
  'reaches_uncaptured',
  'image_missing',
  'read_back',
  'agent_code',
  'capture_incomplete',
] as const;
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

/** Why a selected attempt has no step. */
export const LEFT_REASONS = [
  'no_effect',
  'already_undone',
  'cancelled_out',
  'irreversible',
  'effects_unknown',
  'ambiguous',
  'skipped',
  'open',
  'incomplete',
  'not_registered',
] as const;
export type LeftReason = (typeof LEFT_REASONS)[number];

export const RUN_STATES = ['queued', 'running', 'pausing', 'paused', 'cancelling', 'waiting', 'finished', 'cancelled'] as const;
export type RunState = (typeof RUN_STATES)[number];

export const STEP_STATES = ['pending', 'started', 'taking_back', 'stuck', 'skipping', 'ended'] as const;
export type StepState = (typeof STEP_STATES)[number];

/** How a step ended. A connector gives all of them but `skipped`. */
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
export type StepOutcome = (typeof STEP_OUTCOMES)[number];

/**
 * What the account of a run says about every selected attempt. `fully_restored`: all of them, from attested records. `restored_unverified`: nothing
 * failed, but part of it rests on one of UNVERIFIED_REASONS. `partly_restored`: something was left out or failed. `not_restored`: nothing was restored.
 */
export const VERDICTS = ['fully_restored', 'restored_unverified', 'partly_restored', 'not_restored'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Why a run that restored everything it knew of is not `fully_restored`. `claimed`: only the agent's own process reported the effects.
 * `effects_unknown`: the attempt may have effects that nothing recorded. `capture_incomplete`: others' later changes were not captured, and a person
 * accepted that, or the selected agents could write tables that were not captured. `record_incomplete`: the plan names what its ledger did not have.
 * `overwritten`: later values of others were overwritten (mode `force`). */
export const UNVERIFIED_REASONS = ['claimed', 'effects_unknown', 'capture_incomplete', 'record_incomplete', 'overwritten'] as const;
export type UnverifiedReason = (typeof UNVERIFIED_REASONS)[number];

/**
 * What a plan's record may lack. `hole`: numbers of a source. `without_intent`: intents of attempts. `lost_source`: the end of a source whose process stopped sending.
 * `unread`: messages that a broker has. `held`: messages that wait for their log. `system`: what a target captured. `open_transaction`: one of a selected
 * agent in a target. `open_attempt`: a selected attempt that has not ended.
 */
export const MISSING_KINDS = [
  'hole',
  'without_intent',
  'lost_source',
  'unread',
  'held',
  'system',
  'open_transaction',
  'open_attempt',
] as const;
export type MissingKind = (typeof MISSING_KINDS)[number];

/** Whether a plan may run under the approval rule. */
export const APPROVAL_STATES = ['not_needed', 'missing', 'expired', 'withdrawn', 'approved'] as const;
export type ApprovalStatus = (typeof APPROVAL_STATES)[number];

/**
 * Why a plan needs a second person: the rule asks for it, it undoes claimed effects, nothing in its selection names an agent, tool or system, it undoes
 * many attempts of others (`cascade`), it changes more rows than one run may (`size`), or it
 * overwrites later values of others (`force`).
 */
export const APPROVAL_NEEDS = ['rule', 'claimed', 'window', 'cascade', 'size', 'force'] as const;
export type ApprovalNeed = (typeof APPROVAL_NEEDS)[number];
