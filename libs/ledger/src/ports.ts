/** Ports of the ledger: what the domain needs from a store, and its guarantees to services. */
import type { Role } from '@recant/events';

/** Identity and rights of a verified API key (or Kafka MAC). Tenant, sources and agents come from here, never from the event. */
export interface Credential {
  readonly tenant: string;
  readonly keyId: string;
  readonly roles: readonly Role[];
  /** The service itself instead of an API key, so it cannot be revoked. Never set from a request. */
  readonly own?: true;
  /** Sources must start with this. */
  readonly sourcePrefix: string;
  /** Allowed agents: exact names, or a prefix ending in `*`. */
  readonly agents: readonly string[];
  /** Resources whose claimed effects under this key may be undone: exact, or ending in `*` (`postgres://shop/*`). */
  readonly resources: readonly string[];
}

/** One received message. */
export interface Submission {
  /** Absent where the sender could not be identified: the message becomes a dead letter of the operator's tenant. */
  readonly credential: Credential | undefined;
  /** Exactly the bytes received. */
  readonly bytes: Uint8Array;
  /** A refusal found before decoding (bad MAC, oversized): recorded as a dead letter without further checks. */
  readonly refused?: Refusal;
  /** Stored with a dead letter: `http`, or `kafka:<topic>/<partition>/<offset>`, for a line of several followed by `#<line>`, from 1. */
  readonly origin: string;
  /** Of a batch of several events: equal for all of them. They must have one home shard. */
  readonly batch?: symbol;
  /** Id of an event of the same source whose acknowledgement the sender has. If the log lacks it: `log_behind_source`, and nothing is stored. */
  readonly after?: string;
  /** Over Kafka: the key is over its rate. Stored beside the logs, and recorded later in its source's order. */
  readonly hold?: true;
  /** Of a held part: bytes beside the logs. */
  readonly part?: { readonly digest: string; readonly salt: string };
}

export type RefusalCode =
  | 'unauthenticated'
  | 'mac_invalid'
  /** A record batch in Kafka that cannot be decoded: one dead letter for all its messages. */
  | 'undecodable'
  /** Messages from Kafka that had to wait, beyond what is stored for that: one dead letter for all of them. */
  | 'backlog_full'
  | 'too_large'
  | 'too_deep'
  | 'malformed_json'
  | 'not_canonical'
  | 'not_i_json'
  | 'schema_invalid'
  | 'version_unknown'
  | 'type_unknown'
  | 'source_not_allowed'
  | 'topic_not_allowed'
  | 'batch_empty'
  | 'batch_too_long'
  /** The home shard is not that of the batch's first event. */
  | 'shard_mismatch'
  | 'agent_not_allowed'
  | 'role_missing'
  | 'resource_invalid'
  | 'equivocation'
  | 'id_mismatch'
  /** The log lacks an event that it acknowledged to this source: an older copy of the database was restored. */
  | 'log_behind_source'
  /** The database refused exactly this record (SQLSTATE class 22 or 23). */
  | 'unstorable';

export interface Refusal {
  readonly code: RefusalCode;
  /** Cause and remedy. Safe to show to the sender. */
  readonly detail: string;
}

export type Receipt =
  | { readonly kind: 'appended'; readonly shard: number; readonly index: bigint }
  | { readonly kind: 'duplicate'; readonly shard: number; readonly index: bigint }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal /** Address of the dead letter's entry; absent over HTTP, except for equivocations and events that the key may not send. */;
      readonly shard?: number;
      readonly index?: bigint;
    }
  /** An intent over HTTP that is recorded and must not be executed: it repeats a fenced call. The same intent again gets the same answer. */
  | { readonly kind: 'fenced'; readonly shard: number; readonly index: bigint; readonly fence: string; readonly detail: string }
  /** Over Kafka only: durable, and recorded later. */
  | { readonly kind: 'held'; readonly shard?: undefined; readonly index?: undefined };

/** Offsets of a Kafka batch: where it was read, and where to resume. */
export interface KafkaPosition {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  /** First offset of the batch: must equal the stored next offset. */
  readonly from: bigint;
  /** Next offset to read. */
  readonly next: bigint;
}

/**
 * The one commit point. Atomic: entries, dead letters, projections, frontiers, sizes and Kafka position in one transaction, or nothing.
 * Idempotent per (tenant, source, id). Nothing is committed under a key after the end of that key was committed: events in flight are refused as
 * `unauthenticated`. Read-after-write: receipts follow COMMIT. Retryable: `StoreUnavailable` and `PositionMoved` only.
 */
export interface Appender {
  append(batch: readonly Submission[], position?: KafkaPosition): Promise<readonly Receipt[]>;
}
