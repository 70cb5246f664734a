import { hash } from 'node:crypto';
import { DEAD_LETTER_BYTES_MAX, type RecantEvent, shardOf } from '@recant/events';
import { admit, type Refusal, type RefusalCode, type Submission } from '@recant/ledger';
import type { KeyEnd } from '../access/key-end.ts';

/** Origin of messages over HTTP. Their sender gets the refusal, so most are not stored; equivocations and authority violations are. */
export const ORIGIN_HTTP = 'http';
/** Authority violations: always stored as a dead letter, whatever the origin. */
const AUTHORITY_CODES: ReadonlySet<RefusalCode> = new Set(['role_missing', 'source_not_allowed', 'agent_not_allowed']);

/** One message after admission: an event, a dead letter, or a refusal that is not stored. */
export type Item = EventItem | DeadItem | HeldItem | RefusedItem;

export interface EventItem {
  readonly kind: 'event';
  readonly tenant: string;
  readonly shard: number;
  readonly keyId: string;
  /** From a Recant service, without an API key. */
  readonly own: boolean;
  readonly event: RecantEvent;
  readonly bytes: Uint8Array;
  readonly origin: string;
  /** Id of an event of the same source that the log must contain. */
  readonly after: string | undefined;
}

export interface DeadItem {
  readonly kind: 'dead';
  readonly tenant: string;
  readonly shard: number;
  readonly keyId: string;
  readonly own: boolean;
  readonly refusal: Refusal;
  /** At most DEAD_LETTER_BYTES_MAX; of a larger message, the start. */
  readonly bytes: Uint8Array;
  readonly origin: string;
  /** SHA-256 of `bytes`. */
  readonly digest: Buffer;
}

/** From Kafka: stored beside the logs until its log, or its key's rate, has room. */
export interface HeldItem {
  readonly kind: 'held';
  readonly tenant: string;
  /** Of the log that it belongs to. */
  readonly shard: number;
  readonly keyId: string;
  readonly bytes: Uint8Array;
  readonly origin: string;
  readonly reason: 'log' | 'rate';
  /** Of an event. */
  readonly source?: string;
  /** Of a part. */
  readonly part?: { readonly digest: string; readonly salt: string };
  /** Of a dead letter. */
  readonly refused?: Refusal;
}

interface RefusedItem {
  readonly kind: 'refused';
  readonly refusal: Refusal;
}

export interface ItemOptions {
  readonly shards: number;
  /** The operator's tenant: dead letters of unknown senders. */
  readonly systemTenant: string;
}

export function toItem(submission: Submission, options: ItemOptions): Item {
  const { credential, bytes, origin, refused } = submission;
  if (refused !== undefined || credential === undefined) {
    return refuseItem(submission, refused ?? { code: 'unauthenticated', detail: 'The message has no credential.' }, options);
  }
  const { tenant, keyId, own = false } = credential;
  const { part } = submission;
  if (part !== undefined) return { kind: 'held', tenant, shard: letterShard(origin, options), keyId, bytes, origin, part, reason: 'rate' };
  const admission = admit(bytes, credential);
  if (!admission.ok) return refuseItem(submission, admission.refusal, options);
  const shard = homeShard(tenant, admission.event.source, options.shards);
  if (submission.hold) return { kind: 'held', tenant, shard, keyId, bytes, origin, source: admission.event.source, reason: 'rate' };
  return {
    kind: 'event',
    tenant,
    keyId,
    own,
    shard,
    event: admission.event,
    bytes,
    origin,
    after: submission.after,
  };
}

/** Stored as a dead letter if the sender gets no answer (Kafka) or violated its key's authority; otherwise only refused. */
export function refuseItem(submission: Submission, refusal: Refusal, options: ItemOptions): Item {
  if (submission.origin === ORIGIN_HTTP && !AUTHORITY_CODES.has(refusal.code)) return { kind: 'refused', refusal };
  const { credential, bytes, origin } = submission;
  const { tenant = options.systemTenant, keyId = '', own = false } = credential ?? {};
  return deadItem({ tenant, shard: letterShard(origin, options), keyId, own, bytes, origin }, refusal);
}

/** Dead letters of a Kafka partition have a log of their own in each tenant: those of one partition stop no other. */
function letterShard(origin: string, { shards }: ItemOptions): number {
  const partition = /^kafka:.*\/(\d+)\/[^/]*$/.exec(origin)?.[1];
  return partition === undefined ? 0 : Number(partition) % shards;
}

/** The first event keeps the id; this one becomes a dead letter in the log of its source. */
export function equivocationItem(item: EventItem, index: bigint | undefined): DeadItem {
  const where = index === undefined ? 'earlier in this batch' : `entry ${item.shard}/${index}`;
  const detail = `Id ${item.event.id} of ${item.event.source} is recorded with other content (${where}): an id can never be reused for other content.`;
  return deadItem(item, { code: 'equivocation', detail });
}

/** An event from another agent's source: a dead letter like any authority violation. */
export function otherAgentItem(item: EventItem, owner: string): DeadItem {
  const { source, agent } = item.event;
  const detail = `Source ${source} belongs to agent ${owner} since its first event: agent ${agent} needs its own source.`;
  return deadItem(item, { code: 'source_not_allowed', detail });
}

/** Refuses an item whose key ended before it was recorded. Over HTTP nothing is stored, as for a request sent after the end. */
export function endedItem(item: EventItem | DeadItem, ended: KeyEnd | 'unknown'): DeadItem | RefusedItem {
  const detail = `Key ${item.keyId} ${END_TEXTS[ended]} before the message was recorded: send it again under another key.`;
  const refusal: Refusal = { code: 'unauthenticated', detail };
  if (item.origin === ORIGIN_HTTP) return { kind: 'refused', refusal };
  return item.kind === 'dead' ? item : deadItem(item, refusal);
}
const END_TEXTS: Readonly<Record<KeyEnd | 'unknown', string>> = { revoked: 'was revoked', expired: 'expired', unknown: 'did not exist' };

function deadItem(item: Pick<DeadItem, 'tenant' | 'shard' | 'keyId' | 'own' | 'bytes' | 'origin'>, refusal: Refusal): DeadItem {
  const { tenant, shard, keyId, own, origin } = item;
  const bytes = item.bytes.subarray(0, DEAD_LETTER_BYTES_MAX);
  const reason = refusal.detail.slice(0, DETAIL_LENGTH_MAX).toWellFormed().replaceAll('\0', '\uFFFD');
  const detail = bytes.length === item.bytes.length ? reason : `${reason} ${describeCut(item.bytes, bytes.length)}`;
  return {
    kind: 'dead',
    tenant,
    shard,
    keyId,
    own,
    bytes,
    origin,
    refusal: { code: refusal.code, detail },
    digest: hash('sha256', bytes, 'buffer'),
  };
}
/** The entry describes the bytes that are kept; the message that was received is named in its detail. */
function describeCut(message: Uint8Array, kept: number): string {
  return `Of ${message.length} bytes (SHA-256 ${hash('sha256', message)}), the first ${kept} are kept.`;
}
/** Characters of a dead letter's detail: bounds its frame. */
const DETAIL_LENGTH_MAX = 2_000;

/** Cache of a pure function. Batches repeat the same few sources. */
const shardCache = new Map<string, number>();
const SHARD_CACHE_MAX = 10_000;

function homeShard(tenant: string, source: string, shards: number): number {
  const key = `${shards} ${tenant} ${source}`;
  let shard = shardCache.get(key);
  if (shard === undefined) {
    if (shardCache.size >= SHARD_CACHE_MAX) shardCache.clear();
    shard = shardOf(tenant, source, shards);
    shardCache.set(key, shard);
  }
  return shard;
}
