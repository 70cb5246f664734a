import type { JsonObject } from '@recant/events';

/** A request that changes something, or opens something sealed. */
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

/** A request that was refused for want of authority. */
export interface Refused {
  /** Of who was identified; left out, it is told to the operator's own tenant. */
  readonly tenant?: string;
  readonly code: string;
  readonly operation: string;
  readonly by?: string;
}

/** Recant's own acts, as entries in the log of the tenant they are about. */
export interface ActRecorder {
  /** Durable when it resolves; what it throws refuses the act. @returns to be told of the end, once; that never throws. */
  order(act: Act): Promise<(end: ActEnd) => Promise<void>>;
  /** Counted at once and recorded within REFUSALS_MS: an attacker must not choose how many entries there are. */
  refused(refusal: Refused): void;
  /** Records what was counted, closes its sources. */
  close(): Promise<void>;
}

/** How entries get into a tenant's log. */
export interface ActSink {
  /** A source of `lane` that this service may send from. */
  sourceOf(tenant: string, lane: string): Promise<string>;
  /** In order, all or none of them durable when it resolves. @throws where one was refused or nothing is known */
  send(tenant: string, events: readonly Uint8Array[]): Promise<void>;
}
