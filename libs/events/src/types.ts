import type { JsonObject } from './json.ts';
import type { ActOutcome, Outcome, Reversibility } from './vocabulary.ts';

/** State of a part at a moment: a keyed digest, or `null` for absent (DESIGN: version). */
export type Version = string;
export type VersionOrAbsent = Version | null;

/** One try of an action. It belongs to the source that intended it: another source cannot add to it. */
export type AttemptRef = {
  /** Producer lane (CloudEvents `source`). */
  readonly source: string;
  /** UUIDv7 of the action, lower case. */
  readonly action: string;
  /** 1 for the first try. */
  readonly attempt: number;
};

/** A value kept in the event, or a salted digest of bytes that stand beside it (over INLINE_BYTES_MAX, or personal). */
export type Content = { readonly inline: JsonObject } | { readonly part: PartReference };

export interface PartReference {
  /** Lower-case hex SHA-256 of salt ‖ bytes. */
  readonly digest: string;
  /** base64url of 16 random bytes. */
  readonly salt: string;
  /** Bytes of the part. */
  readonly size: number;
  /** Whose data it is, when somebody's: the key that seals it hangs on this. */
  readonly subject?: string;
}

/** What one attempt did to one resource. */
export interface Effect {
  /** `<connector>://<system>/<path>`, for instance `postgres://shop/public.orders/42`. */
  readonly resource: string;
  /** The connector's word: `insert`, `update`, `delete`, `touch`, `write`, `create`, `mkdir`, `chmod`, `read`, ... */
  readonly operation: string;
  /** Place in the system's own order, given under the resource's lock: decimal digits, compared as a number. */
  readonly ordinal: string;
  /** Parts written, each with its version before and after; equal versions are a write too. */
  readonly parts: Readonly<Record<string, { readonly before: VersionOrAbsent; readonly after: VersionOrAbsent }>>;
  /** Parts read and not written. A lower bound of what was read. */
  readonly reads?: Readonly<Record<string, VersionOrAbsent>>;
  /** The recorded inverse: names only. Never an endpoint, SQL or code. Absent: nothing to invert (a read) or irreversible. */
  readonly compensation?: Compensation;
}

export interface Compensation {
  /** A registered connector, for instance `postgres`. */
  readonly connector: string;
  /** References the connector resolves itself (a capture row, a content digest). Opaque to everybody else. */
  readonly images: readonly string[];
}

/** Who and why. All of it is said by the agent; the agent's name is checked against the credential. */
export interface AttemptContext {
  readonly session?: string;
  /** The action this one was started by. */
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
  /** Versions after, where the arguments fix them. */
  readonly expectedAfter?: Readonly<Record<string, Readonly<Record<string, VersionOrAbsent>>>>;
  readonly reversibility: Reversibility;
  /** Milliseconds after `time` from which an attempt without settlement is `unknown`. */
  readonly deadlineMs: number;
  readonly context: AttemptContext;
  /** Only from a credential with the role `rollback`: this attempt is the inverse of that one. */
  readonly inverts?: AttemptRef & { readonly run: string; readonly step: number };
}

export interface AttemptEffects {
  readonly action: string;
  readonly attempt: number;
  /** 0 for the first chunk; dense. */
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

export interface SourceOpened {
  readonly sdk: string;
  /** Silence past this many milliseconds means the source is lost. */
  readonly leaseMs: number;
}
export interface SourceHeartbeat {
  /** RFC 3339: nothing older than this is unsent. */
  readonly nothingOlderThan: string;
}
export interface SourceClosed {
  readonly reason: string;
}

/** An operator's act. `subject` of the act is the plan or run. */
export interface PlanCreated {
  readonly plan: string;
  readonly digest: string;
  readonly by: string;
  readonly mode: string;
  readonly selection: JsonObject;
  readonly steps: number;
  readonly conflicts: number;
}
export interface RunStarted {
  readonly run: string;
  readonly plan: string;
  readonly digest: string;
  readonly by: string;
}
export interface RunFinished {
  readonly run: string;
  readonly plan: string;
  /** Count of steps by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly fullyRestored: boolean;
}

/** An operator's request that changes something, or opens something sealed: recorded before it is carried out. */
export interface ActOrdered {
  /** UUIDv7, lower case. */
  readonly act: string;
  /** `operationId` of the API, or the command that stands for it. */
  readonly operation: string;
  /** Key id, `person:<subject>`, or `local:<login>` of who works on the ledger's own database. */
  readonly by: string;
  /** What it is about: the parameters of the path. */
  readonly target: JsonObject;
  /** Request id, as in the service's log. */
  readonly request: string;
}
export interface ActEnded {
  readonly act: string;
  readonly outcome: ActOutcome;
  /** Error code, where it was refused or failed. */
  readonly code?: string;
  /** What came of it, for instance the bindings of a new key. Never a secret. */
  readonly detail?: JsonObject;
}
/** Requests that were refused for want of authority, alike ones of a moment counted together. */
export interface AuthorityRefused {
  /** UUIDv7, lower case. */
  readonly refusal: string;
  readonly code: string;
  readonly operation: string;
  /** Key id, or `person:<subject>`; absent where nobody could be identified. */
  readonly by?: string;
  readonly count: number;
  /** RFC 3339. */
  readonly first: string;
  readonly last: string;
}

/** Every event type of version 1, with the shape of its data. */
export interface EventData {
  'recant.attempt.intended.v1': AttemptIntended;
  'recant.attempt.effects.v1': AttemptEffects;
  'recant.attempt.settled.v1': AttemptSettled;
  'recant.source.opened.v1': SourceOpened;
  'recant.source.heartbeat.v1': SourceHeartbeat;
  'recant.source.closed.v1': SourceClosed;
  'recant.plan.created.v1': PlanCreated;
  'recant.run.started.v1': RunStarted;
  'recant.run.finished.v1': RunFinished;
  'recant.act.ordered.v1': ActOrdered;
  'recant.act.ended.v1': ActEnded;
  'recant.authority.refused.v1': AuthorityRefused;
}
export type EventType = keyof EventData;

/** A CloudEvent 1.0 in structured mode. On the wire it is the RFC 8785 bytes of exactly this object. */
export type EventOf<T extends EventType> = {
  readonly specversion: '1.0';
  /** Unique within its source; derived from (action, attempt, kind, n), see `eventId`. */
  readonly id: string;
  readonly source: string;
  readonly type: T;
  /** RFC 3339 in UTC with milliseconds and `Z`: the producer's clock, a claim. */
  readonly time: string;
  /** CloudEvents sequence extension: SEQUENCE_DIGITS decimal digits, dense from 1 in each source. */
  readonly sequence: string;
  /** The agent in whose name this is sent; must fit the credential. */
  readonly agent: string;
  /** W3C trace context of the caller. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly data: EventData[T];
};
export type RecantEvent = { [T in EventType]: EventOf<T> }[EventType];
