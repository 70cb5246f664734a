import type { JsonObject } from '@recant/events';

/** A request that changes state or unseals a part. */
export interface Act {
  readonly tenant: string;
  /** `operationId` of the route. */
  readonly operation: string;
  /** `Caller.id`. */
  readonly by: string;
  readonly target: JsonObject;
  readonly request: string;
}

export type ActEnd =
  | { readonly outcome: 'done'; readonly detail?: JsonObject }
  | { readonly outcome: 'refused' | 'failed'; readonly code: string };

/** A request refused by authentication or authorization. */
export interface Refused {
  /** Tenant of the authenticated caller; absent: recorded under the operator's tenant. */
  readonly tenant?: string;
  readonly code: string;
  readonly operation: string;
  readonly by?: string;
}

/** Records acts as entries in the log of the tenant that they concern. */
export interface ActRecorder {
  /** Durable when it resolves; a rejection refuses the act. @returns a function that records the end; call it once, it never throws. */
  order(act: Act): Promise<(end: ActEnd) => Promise<void>>;
  /** Counted at once, recorded within REFUSALS_MS; aggregated, so that an attacker cannot flood the log. */
  refused(refusal: Refused): void;
  /** Records the pending counts and closes all sources. */
  close(): Promise<void>;
}

/** Sends events of acts to a tenant's log. */
export interface ActSink {
  /** A new source name that contains `id` and that this service may send from. */
  sourceOf(tenant: string, id: string): Promise<string>;
  /** In order and atomic: all events are durable when it resolves. @throws if one was refused or the outcome is unknown */
  send(tenant: string, events: readonly Uint8Array[]): Promise<void>;
}
