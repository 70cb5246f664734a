import type { Actor, JsonObject } from '@recant/events';

/** A request that changes state or unseals a part. */
export interface Act {
  readonly tenant: string;
  /** `operationId` of the route, or the equivalent command. */
  readonly operation: string;
  readonly actor: Actor;
  /** Names and ids of what the operation concerns. */
  readonly object: JsonObject;
  readonly selection?: JsonObject;
  /** At most REASON_BYTES_MAX bytes. */
  readonly reason?: string;
  readonly request: string;
  /** The act does not wait for a full disk: it is logged, and recorded with its end once there is space. A crash before that leaves the log line alone. */
  readonly despiteFullDisk?: boolean;
}

export type ActEnd =
  /** `object`: names and ids that only the operation itself could give. */
  | { readonly outcome: 'done'; readonly object?: JsonObject; readonly detail?: JsonObject }
  | { readonly outcome: 'refused' | 'failed'; readonly code: string };

/** A request refused by authentication or authorization. */
export interface Refused {
  /** Tenant of the authenticated caller; absent: recorded under the operator's tenant. */
  readonly tenant?: string;
  readonly code: string;
  readonly operation: string;
  readonly actor?: Actor;
}

/** Records acts as entries in the log of the tenant that they concern. */
export interface ActRecorder {
  /** Durable when it resolves; a rejection refuses the act. @returns a function that records the end; call it once, it never throws. */
  order(act: Act): Promise<(end: ActEnd) => Promise<void>>;
  /** Counted at once; the first is recorded within a second, identical ones after it as one act per window: an attacker cannot flood the log. */
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
