import type { Finding } from '@recant/redaction';

export type RecantErrorCode =
  /** Options or the description of an action are wrong. */
  | 'options_invalid'
  /** Arguments that JSON cannot hold without loss. */
  | 'arguments_invalid'
  /** Arguments over the size of a part, or an intent over the size of an event. */
  | 'too_large'
  /** A system that was not given to `createRecant`, or that this action did not name. */
  | 'system_unknown'
  /** A rule says that what stands in `finding.place` must not leave the process, and it cannot be left out. */
  | 'redaction_refused'
  /** Before images could not be made durable. The cause is the connector's error. */
  | 'capture_failed'
  /** The ledger did not acknowledge in time. */
  | 'ledger_unavailable'
  /** The ledger said no: `refusal` says why. */
  | 'refused'
  /** The ledger does not take the key. Events wait, and are sent once `apiKey` gives another one. */
  | 'key_refused'
  /** Too much is unacknowledged already. */
  | 'queue_full'
  /** The tool ran, and what it did could not be read from the system: the attempt stays unsettled and becomes `unknown`. */
  | 'settlement_failed'
  /** Acknowledged events were let go that nothing outside the ledger covers yet. */
  | 'resend_buffer_full'
  /** A restored ledger does not have what it had acknowledged, and cannot get it from here: `pending` has ids. */
  | 'acknowledged_lost'
  /** The tool touched resources that a rule forbids to name: they are recorded under masked names, and the attempt cannot be undone. */
  | 'effect_masked'
  /** No key that seals is to be had: what was to be sealed is masked for now. */
  | 'sealing_failed'
  /** `open()` has not been called, or did not succeed. */
  | 'not_open'
  | 'closed'
  /** `close()` gave up: `pending` lists the ids of events that were not acknowledged. */
  | 'unacknowledged';

export interface RecantErrorDetails extends ErrorOptions {
  readonly refusal?: { readonly code: string; readonly detail: string };
  readonly pending?: readonly string[];
  readonly finding?: Finding;
}

/** The one error class of the SDK. Whatever a tool throws is passed on unchanged and never wrapped in it. */
export class RecantError extends Error {
  override readonly name = 'RecantError';
  readonly code: RecantErrorCode;
  readonly refusal: { readonly code: string; readonly detail: string } | undefined;
  readonly pending: readonly string[];
  readonly finding: Finding | undefined;
  constructor(code: RecantErrorCode, message: string, details: RecantErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.refusal = details.refusal;
    this.pending = details.pending ?? [];
    this.finding = details.finding;
  }
}
