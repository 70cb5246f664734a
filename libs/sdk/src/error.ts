import type { Finding } from '@recant/redaction';
import type { FenceRule } from './permission/fence-rule.ts';
import type { FreezeRule } from './permission/freeze-rule.ts';

export type RecantErrorCode =
  /** Invalid options, or an invalid description of an action. */
  | 'options_invalid'
  /** Arguments that JSON cannot represent without loss. */
  | 'arguments_invalid'
  /** Arguments larger than a part, or an intent larger than an event. */
  | 'too_large'
  /** A system that `createRecant` does not list. */
  | 'system_unknown'
  /** A redaction rule matches at `finding.place`, where the value can be neither masked nor omitted. */
  | 'redaction_refused'
  /** Before images could not be stored. `cause` is the connector's error. */
  | 'capture_failed'
  /** The ledger did not acknowledge in time. */
  | 'ledger_unavailable'
  /** The ledger refused the event; see `refusal`. */
  | 'refused'
  /** The ledger refuses the API key. Events stay queued until `apiKey` returns another key. */
  | 'key_refused'
  /** Too many events are unacknowledged. */
  | 'queue_full'
  /** The tool ran, but its effects could not be read from the system. The attempt stays unsettled and becomes `unknown`. */
  | 'settlement_failed'
  /** Acknowledged events were dropped from the resend buffer before they were covered. */
  | 'resend_buffer_full'
  /** A restored ledger lacks events that it had acknowledged, and they cannot be sent again; `pending` lists ids. */
  | 'acknowledged_lost'
  /** The tool changed resources whose names match a redaction rule. They are recorded under masked names, and the attempt cannot be undone. */
  | 'effect_masked'
  /** Could not get an encryption key. Values that a rule would seal are masked until a key is available. */
  | 'sealing_failed'
  /** The tool succeeded without using a system that its action declared, and no change was recorded there. */
  | 'handle_unused'
  /** The action was given up by its `signal`. Before the tool ran, the message says so. */
  | 'aborted'
  /** The action was given up after `timeoutMs`. */
  | 'timed_out'
  /** Thrown by a tool that does not know whether it took effect: its attempt is recorded as `unknown`. */
  | 'outcome_unknown'
  /** A freeze forbids the action; see `freeze`. */
  | 'frozen'
  /** The action repeats a call that must not be repeated; see `fence`. */
  | 'fenced'
  /** The transport cannot learn of freezes, so nothing but the end of its process stops this agent. */
  | 'freeze_unavailable'
  /** The recorder is closed, or the action has ended. */
  | 'closed'
  /** `flush()` or `close()` timed out; `pending` lists the ids of events without an acknowledgement. */
  | 'unacknowledged';

export interface RecantErrorDetails extends ErrorOptions {
  readonly refusal?: { readonly code: string; readonly detail: string };
  readonly pending?: readonly string[];
  readonly finding?: Finding;
  readonly freeze?: FreezeRule;
  readonly fence?: FenceRule;
}

/** The only error class of the SDK. Errors thrown by tools are never wrapped in it. */
export class RecantError extends Error {
  override readonly name = 'RecantError';
  readonly code: RecantErrorCode;
  readonly refusal: { readonly code: string; readonly detail: string } | undefined;
  readonly pending: readonly string[];
  readonly finding: Finding | undefined;
  /** The freeze that forbids the action. */
  readonly freeze: FreezeRule | undefined;
  /** The fence that stops the action. */
  readonly fence: FenceRule | undefined;
  constructor(code: RecantErrorCode, message: string, details: RecantErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.refusal = details.refusal;
    this.pending = details.pending ?? [];
    this.finding = details.finding;
    this.freeze = details.freeze;
    this.fence = details.fence;
  }
}
