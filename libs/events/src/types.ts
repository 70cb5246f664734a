import type { JsonObject } from './json.ts';
import type { ActOutcome, Outcome, Reversibility } from './vocabulary.ts';

/** State of a part at one moment: a keyed digest; `null` for an absent part. */
export type Version = string;
export type VersionOrAbsent = Version | null;

/** One attempt of an action. It belongs to the source that intended it; only `observed` events of another source can add effects to it. */
export type AttemptRef = {
  /** CloudEvents `source`: one ordered stream of events of a producer. */
  readonly source: string;
  /** UUIDv7 of the action, lower case. */
  readonly action: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
};

/** A value inside the event, or a reference to a part (for content over INLINE_BYTES_MAX, or sealed). */
export type Content = { readonly inline: JsonObject } | { readonly part: PartReference };

export interface PartReference {
  /** Lower-case hex SHA-256 of salt ‖ bytes. */
  readonly digest: string;
  /** base64url of 16 random bytes. */
  readonly salt: string;
  /** Size in bytes. */
  readonly size: number;
  /** The person whose data a sealed part contains; their key seals it. */
  readonly subject?: string;
}

/** One change by an attempt to one resource. */
export interface Effect {
  /** `<connector>://<system>/<path>`, for instance `postgres://shop/public.orders/42`. */
  readonly resource: string;
  /** Defined by the connector: `insert`, `update`, `delete`, `touch`, `write`, `create`, `mkdir`, `chmod`, `read`, ... */
  readonly operation: string;
  /** Position in the system's own order, assigned under the resource's lock: decimal digits, compared as a number. */
  readonly ordinal: string;
  /** Written parts with their versions before and after; equal versions are a write too. */
  readonly parts: Readonly<Record<string, { readonly before: VersionOrAbsent; readonly after: VersionOrAbsent }>>;
  /** Parts read but not written; may be incomplete. */
  readonly reads?: Readonly<Record<string, VersionOrAbsent>>;
  /** The recorded inverse: names only, never an endpoint, SQL or code. Absent for a read and for an irreversible effect. */
  readonly compensation?: Compensation;
  /** true: somebody else may have made this change, so it is never attributed to the attempt. It is undone only where a person selects it. */
  readonly ambiguous?: boolean;
  /** Names that the change may have reached as well and that are not recorded: other hard links of a file, the target of a link. */
  readonly beyond?: readonly string[];
}

export interface Compensation {
  /** A registered connector, for instance `postgres`. */
  readonly connector: string;
  /** References that only the connector resolves (a capture row, a content digest). */
  readonly images: readonly string[];
}

/** Context claimed by the agent; only the agent's name is checked against the credential. */
export interface AttemptContext {
  readonly session?: string;
  /** The action that started this one. */
  readonly parent?: string;
  readonly onBehalfOf?: string;
  readonly model?: string;
  readonly agentVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AttemptIntended {
  readonly action: string;
  readonly attempt: number;
  readonly tool: string;
  readonly arguments: Content;
  /** Resources declared before the tool ran. */
  readonly resources: readonly string[];
  /** Versions before, by resource and part. */
  readonly before?: Readonly<Record<string, Readonly<Record<string, VersionOrAbsent>>>>;
  /** Versions after, if the arguments determine them. */
  readonly expectedAfter?: Readonly<Record<string, Readonly<Record<string, VersionOrAbsent>>>>;
  readonly reversibility: Reversibility;
  /** Milliseconds after `time` at which an unsettled attempt becomes `unknown`. */
  readonly deadlineMs: number;
  readonly context: AttemptContext;
  /** The attempt that this one inverts. Only credentials with the role `rollback` may send it. */
  readonly inverts?: AttemptRef & { readonly run: string; readonly step: number };
}

export interface AttemptEffects {
  readonly action: string;
  readonly attempt: number;
  /** Consecutive from 0. */
  readonly chunk: number;
  readonly effects: readonly Effect[];
}

export interface AttemptSettled {
  readonly action: string;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** Chunks of effects sent for this attempt. */
  readonly chunks: number;
  /** Effects in all chunks. */
  readonly effects: number;
  /** Lower-case hex `effectsDigest` of all chunks. */
  readonly digest: string;
  readonly durationMs: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly result?: Content;
}

/** Changes of one table that are counted and have no images: those of an outside writer, and those of a table without a key. */
export interface CountedChanges {
  /** `<schema>.<table>`; a control character is percent-encoded. */
  readonly table: string;
  readonly changes: number;
  /** The changes may belong to the attempt and cannot be undone. */
  readonly unknown?: boolean;
}

/** What one transaction of a captured target changed, as the target recorded it. Only credentials with the role `rollback` may send it. */
export interface AttemptObserved {
  /** The attempt that the effects belong to: a named one, or the transaction itself (`actionOfTransaction`). */
  readonly action: string;
  readonly attempt: number;
  /** Source of the named attempt. Absent for an attempt by login: it belongs to the source of this event. */
  readonly of?: string;
  /** Registered name of the target. */
  readonly system: string;
  /** `<capture epoch>/<xid8>` in decimal: the transaction of the target. */
  readonly transaction: string;
  /** Login of the target that wrote; a control character is percent-encoded. */
  readonly login: string;
  /** The agent of the attempt: that of the intent, or the one that the login is registered for. Absent for an outside writer. */
  readonly agent?: string;
  /** RFC 3339: when the target captured the first and the last change of the transaction. */
  readonly from: string;
  readonly to: string;
  /** Consecutive from 0. The effects of a transaction count only when all `chunks` are recorded. */
  readonly chunk: number;
  readonly chunks: number;
  readonly effects: readonly Effect[];
  readonly counted?: readonly CountedChanges[];
}

export interface SourceOpened {
  readonly sdk: string;
  /** Milliseconds of silence after which the source counts as lost. */
  readonly leaseMs: number;
}
export interface SourceHeartbeat {
  /** RFC 3339: every older event was sent before this one. */
  readonly nothingOlderThan: string;
}
export interface SourceClosed {
  readonly reason: string;
}

/** Who acted. */
export type Actor = {
  /** Key id, `person:<subject>`, `local:<login>` for a login of the ledger's machine, or `recant`. */
  readonly id: string;
  /** Label of the key, or the person's name, at that time. */
  readonly name?: string;
};

/**
 * A request that changes something, opens a sealed part or makes a plan, or that was refused; the start and the end of a run. Complete by itself. A request
 * is recorded as `pending` before it is executed, and again, under the same `act`, with its outcome: one without an outcome may have taken effect.
 */
export interface ActRecorded {
  /** UUIDv7, lower case. */
  readonly act: string;
  /** Absent for an unidentified caller. */
  readonly actor?: Actor;
  /** `operationId` of the API, or the equivalent command. */
  readonly operation: string;
  /** Names and ids of what the operation concerns. Secrets are masked. */
  readonly object: JsonObject;
  /** Attempts that a plan or a run selects. */
  readonly selection?: JsonObject;
  /** Why, in the actor's words. */
  readonly reason?: string;
  readonly outcome: ActOutcome;
  /** Error code of a refused or failed act. */
  readonly code?: string;
  /** The result, for instance the bindings of a new key. Never a secret. */
  readonly detail?: JsonObject;
  /** Request id, as in the service's log. */
  readonly request?: string;
  /** Identical refusals of one actor that this act counts. */
  readonly repeated?: {
    readonly count: number;
    /** RFC 3339. */
    readonly first: string;
    readonly last: string;
  };
}

/** Every event type of version 1, with the shape of its data. */
export interface EventData {
  'recant.attempt.intended.v1': AttemptIntended;
  'recant.attempt.effects.v1': AttemptEffects;
  'recant.attempt.settled.v1': AttemptSettled;
  'recant.attempt.observed.v1': AttemptObserved;
  'recant.source.opened.v1': SourceOpened;
  'recant.source.heartbeat.v1': SourceHeartbeat;
  'recant.source.closed.v1': SourceClosed;
  'recant.act.recorded.v1': ActRecorded;
}
export type EventType = keyof EventData;

/** A CloudEvent 1.0 in structured mode, sent as the RFC 8785 bytes of exactly this object. */
export type EventOf<T extends EventType> = {
  readonly specversion: '1.0';
  /** Unique within its source; derived from (action, attempt, kind, n), see `eventId`. */
  readonly id: string;
  readonly source: string;
  readonly type: T;
  /** RFC 3339 in UTC with milliseconds and `Z`: the producer's clock, a claim. */
  readonly time: string;
  /** CloudEvents sequence extension: SEQUENCE_DIGITS decimal digits, consecutive from 1 in each source. */
  readonly sequence: string;
  /** The agent that the event is about; the credential must allow it. */
  readonly agent: string;
  /** W3C trace context of the caller. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly data: EventData[T];
};
export type RecantEvent = { [T in EventType]: EventOf<T> }[EventType];
