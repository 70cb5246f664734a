/** Ports of the ledger: what the domain needs of a store, and what it promises to services. */
import type { Role } from '@recant/events';

/** What a verified API key (or Kafka MAC) stands for. Tenant, sources and agents come from here, never from the event. */
export interface Credential {
  readonly tenant: string;
  readonly keyId: string;
  readonly roles: readonly Role[];
  /** The service's own voice: no key of anybody's, so nothing revokes it. Never set from a request. */
  readonly own?: true;
  /** Sources must start with this. */
  readonly sourcePrefix: string;
  /** Agents it may speak for: exact names, or a prefix ending in `*`. */
  readonly agents: readonly string[];
  /** Systems and resources whose effects may be undone when claimed under this key: `postgres://shop/*`, exact or ending in `*`. */
  readonly resources: readonly string[];
}

/** One message as it came in. */
export interface Submission {
  /** Absent where the sender could not be identified: it becomes a dead letter of the operator's own tenant. */
  readonly credential: Credential | undefined;
  /** Exactly the bytes received. */
  readonly bytes: Uint8Array;
  /** A refusal found before the bytes were looked at (bad MAC, oversized): recorded as a dead letter, not judged again. */
  readonly refused?: Refusal;
  /** Where it came from, kept with a dead letter: `http`, or `kafka:<topic>/<partition>/<offset>`. */
  readonly origin: string;
  /** Id of an event of the same source that the sender holds an acknowledgement of. Where the log does not have it: `log_behind_source`, and nothing is kept. */
  readonly after?: string;
}

export type RefusalCode =
  | 'unauthenticated'
  | 'mac_invalid'
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
  | 'agent_not_allowed'
  | 'role_missing'
  | 'resource_invalid'
  | 'equivocation'
  | 'id_mismatch'
  /** The log does not have what it acknowledged to this source: an older copy of it was restored. */
  | 'log_behind_source'
  /** The database refused exactly this record (SQLSTATE class 22 or 23). */
  | 'unstorable';

export interface Refusal {
  readonly code: RefusalCode;
  /** What was wrong, and what to do. Safe to show to the sender. */
  readonly detail: string;
}

export type Receipt =
  | { readonly kind: 'appended'; readonly shard: number; readonly index: bigint }
  | { readonly kind: 'duplicate'; readonly shard: number; readonly index: bigint }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal /** Where the dead letter's digest was logged; absent over HTTP, which keeps only equivocations and what a key may not say. */;
      readonly shard?: number;
      readonly index?: bigint;
    };

/** Where a Kafka batch was read from, and where to resume after it. */
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
 * Idempotent per (tenant, source, id). Nothing is committed under a key after its end was: what was on its way then is refused as `unauthenticated`. Read-after-write: receipts are given after COMMIT. Retry: `StoreUnavailable` and `PositionMoved` only.
 */
export interface Appender {
  append(batch: readonly Submission[], position?: KafkaPosition): Promise<readonly Receipt[]>;
}
