import { hash } from 'node:crypto';
import { type RecantEvent, shardOf } from '@recant/events';
import { admit, type Refusal, type RefusalCode, type Submission } from '@recant/ledger';
import type { KeyEnd } from '../access/key-end.ts';

/** Where refused messages over HTTP come from: the sender is told, so that only what is somebody else's, or has another content, is kept. */
const ORIGIN_HTTP = 'http';
/** Refusals of what a key may not say: each is an entry, whichever way it came. */
const OF_AUTHORITY: ReadonlySet<RefusalCode> = new Set(['role_missing', 'source_not_allowed', 'agent_not_allowed']);

/** One message after admission: an event of its credential, a dead letter, or a plain refusal. */
export type Item = EventItem | DeadItem | RefusedItem;

export interface EventItem {
  readonly kind: 'event';
  readonly tenant: string;
  readonly shard: number;
  readonly keyId: string;
  /** Said by a service of ours, under no key. */
  readonly own: boolean;
  readonly event: RecantEvent;
  readonly bytes: Uint8Array;
  readonly origin: string;
  /** Id of an event of the same source that the log must have. */
  readonly after: string | undefined;
}

export interface DeadItem {
  readonly kind: 'dead';
  readonly tenant: string;
  readonly shard: number;
  readonly keyId: string;
  readonly own: boolean;
  readonly refusal: Refusal;
  readonly bytes: Uint8Array;
  readonly origin: string;
  /** SHA-256 of `bytes`. */
  readonly digest: Buffer;
  /** The event that was refused because its id has other content already. */
  readonly equivocates?: RecantEvent;
}

export interface RefusedItem {
  readonly kind: 'refused';
  readonly refusal: Refusal;
}

export interface ItemOptions {
  readonly shards: number;
  /** Tenant of dead letters whose sender is unknown. */
  readonly systemTenant: string;
}

export function toItem(submission: Submission, options: ItemOptions): Item {
  const { credential, bytes, origin, refused } = submission;
  if (refused !== undefined || credential === undefined) {
    return refuseItem(submission, refused ?? { code: 'unauthenticated', detail: 'No credential came with this message.' }, options);
  }
  const admission = admit(bytes, credential);
  if (!admission.ok) return refuseItem(submission, admission.refusal, options);
  const { tenant, keyId, own = false } = credential;
  return {
    kind: 'event',
    tenant,
    keyId,
    own,
    shard: homeShard(tenant, admission.event.source, options.shards),
    event: admission.event,
    bytes,
    origin,
    after: submission.after,
  };
}

/** What becomes of a message that cannot be recorded: kept whole where nobody is there to be told, and where it says what its key may not. */
export function refuseItem(submission: Submission, refusal: Refusal, { systemTenant }: ItemOptions): Item {
  if (submission.origin === ORIGIN_HTTP && !OF_AUTHORITY.has(refusal.code)) return { kind: 'refused', refusal };
  const { credential, bytes, origin } = submission;
  const { tenant = systemTenant, keyId = '', own = false } = credential ?? {};
  return deadItem({ tenant, shard: 0, keyId, own, bytes, origin }, refusal);
}

/** The first event keeps the id; this one is kept beside the log of its source, and shown. */
export function equivocationItem(item: EventItem, index: bigint | undefined): DeadItem {
  const where = index === undefined ? 'earlier in the same batch' : `as entry ${item.shard}/${index}`;
  const detail = `The id ${item.event.id} of ${item.event.source} was recorded with other content ${where}: an id stands for one content for ever.`;
  return { ...deadItem(item, { code: 'equivocation', detail }), equivocates: item.event };
}

/** Another agent's source: refused and kept like any message that its credential may not send. */
export function foreignItem(item: EventItem, owner: string): DeadItem {
  const { source, agent } = item.event;
  const detail = `The source ${source} is agent ${owner}'s since its first event: ${agent} cannot send from it, give it a source of its own.`;
  return deadItem(item, { code: 'source_not_allowed', detail });
}

/** Sent under a key that ended before this was recorded. Over HTTP it is as if it had come a moment later: nothing is kept. */
export function endedItem(item: EventItem | DeadItem, ended: KeyEnd | 'unknown'): DeadItem | RefusedItem {
  const detail = `Key ${item.keyId} ${END_WORDS[ended]} before this was recorded: send it under another one.`;
  const refusal: Refusal = { code: 'unauthenticated', detail };
  if (item.origin === ORIGIN_HTTP) return { kind: 'refused', refusal };
  return item.kind === 'dead' ? item : deadItem(item, refusal);
}
const END_WORDS: Readonly<Record<KeyEnd | 'unknown', string>> = { revoked: 'was revoked', expired: 'expired', unknown: 'was not known' };

function deadItem(item: Pick<DeadItem, 'tenant' | 'shard' | 'keyId' | 'own' | 'bytes' | 'origin'>, refusal: Refusal): DeadItem {
  const { tenant, shard, keyId, own, bytes, origin } = item;
  const detail = refusal.detail.slice(0, DETAIL_LENGTH_MAX).toWellFormed().replaceAll('\0', '\uFFFD');
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
/** Characters of a dead letter's explanation: its frame has to fit. */
const DETAIL_LENGTH_MAX = 2_000;

/** Sources come in runs: the last few answers are kept. A pure function's memory, so it cannot be wrong. */
const shardMemory = new Map<string, number>();
const SHARD_MEMORY_MAX = 10_000;

function homeShard(tenant: string, source: string, shards: number): number {
  const key = `${shards} ${tenant} ${source}`;
  let shard = shardMemory.get(key);
  if (shard === undefined) {
    if (shardMemory.size >= SHARD_MEMORY_MAX) shardMemory.clear();
    shard = shardOf(tenant, source, shards);
    shardMemory.set(key, shard);
  }
  return shard;
}
