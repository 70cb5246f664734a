import { parseSequence } from '@recant/events';
import { deadLetterBody, encodeFrameHead, genesisBody, type KafkaPosition, type Receipt } from '@recant/ledger';
import type pg from 'pg';
import { copyThen } from '../copy/copy-in.ts';
import { StoreError } from '../error.ts';
import { advanceStatement, checkAdvanced, hasGrown, positionMoved, positionStatement } from './advance.ts';
import type { Continuity } from './continuity.ts';
import { keyStatements, keysOf, refuseEnded } from './end-keys.ts';
import type { Failpoints } from './failpoint.ts';
import { fencedTenantsStatement, findFencedIntents, stopFencedIntents, withFences } from './fenced-intents.ts';
import { heldStatement, holdFollowing, storeHeld } from './held.ts';
import type { DeadItem, Item } from './item.ts';
import { headsOf, type LogHead, type LogKey, lockStatement, logKeyOf } from './lock-logs.ts';
import type { Place } from './place.ts';
import { queryAll } from './query-all.ts';
import type { Repeats } from './repeats.ts';
import { type Resolved, resolve } from './resolve.ts';
import { Rows } from './rows.ts';
import type { SourceNumbers } from './sources.ts';
import { RecordFault } from './sql-state.ts';

export interface AppendContext {
  readonly sources: SourceNumbers;
  readonly continuity: Continuity;
  readonly repeats: Repeats;
  readonly shards: number;
  readonly systemTenant: string;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  readonly failpoints: Failpoints;
}

/** Milliseconds that a batch from Kafka waits for one lock: what it does not get is held, and its partition goes on. */
const LOCK_MS = 1_000;
/** The same when it is found out which log is locked. */
const PROBE_LOCK_MS = 300;

/**
 * The one commit point. Order: lock log heads ascending, lock and read API keys, move the position by compare-and-set, look up known events, use permissions of fences, copy rows,
 * move heads by compare-and-set, COMMIT. A crash before COMMIT leaves nothing; a crash after it leaves everything, and the same batch again is answered as duplicates.
 *
 * @param dryRun does everything and rolls back, to find out whether the database accepts these items.
 */
export async function appendInTransaction(
  client: pg.ClientBase,
  items: readonly Item[],
  position: KafkaPosition | undefined,
  context: AppendContext,
  dryRun = false,
): Promise<readonly Receipt[]> {
  const pass: Failpoints = dryRun ? () => {} : context.failpoints;
  try {
    const { heads, allowed, fencedTenants } = await begin(client, items, position, context, dryRun);
    checkShards(heads, context.shards);
    const fenced = await findFencedIntents(client, allowed, fencedTenants);
    const lookUp = (tenant: string) => dryRun || fenced.has(tenant) || context.repeats.expected(tenant);
    const continued = await context.continuity.check(client, allowed, heads);
    const { resolved, sourceNumbers, repeats } = await resolve(client, continued, context.sources, lookUp);
    for (const tenant of repeats) context.repeats.seen(tenant);
    const stopped = await stopFencedIntents(client, fenced, continued, resolved);
    const { rows, receipts } = layOut(resolved, heads);
    pass('copy.before');
    const grown = [...heads.values()].filter(hasGrown);
    const held = allowed.filter((item) => item.kind === 'held');
    if (held.length > 0 && position !== undefined && !dryRun) await storeHeld(client, held, position);
    if (grown.length > 0) checkAdvanced(await copyThen(client, rows.copies(), [advanceStatement(client, grown)]), grown);
    pass('copy.after');
    pass('commit.before');
    await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
    pass('commit.after');
    if (!dryRun) for (const [tenant, numbers] of sourceNumbers) context.sources.remember(tenant, numbers);
    return withFences(receipts, resolved, stopped);
  } catch (error) {
    // If the connection is gone, the server has rolled back.
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

interface Begun {
  readonly heads: ReadonlyMap<string, LogHead>;
  /** The items, with those under an ended key refused. */
  readonly allowed: readonly Item[];
  /** Tenants of which the batch has intents, and a fence is set. */
  readonly fencedTenants: readonly string[];
}

/** One exchange: BEGIN, lock heads, lock and read keys, move the position. @throws PositionMoved if the stored position differs */
async function begin(
  client: pg.ClientBase,
  items: readonly Item[],
  position: KafkaPosition | undefined,
  { systemTenant, clock }: AppendContext,
  isProbe: boolean,
): Promise<Begun> {
  const keys = keysOf(items);
  const lockMs = isProbe ? PROBE_LOCK_MS : LOCK_MS;
  const opening = isProbe || position !== undefined ? `BEGIN; SET LOCAL lock_timeout = ${lockMs}` : 'BEGIN';
  const statements = [opening, lockStatement(client, logKeys(items))];
  if (keys.length > 0) statements.push(...keyStatements(client, keys));
  if (position !== undefined) statements.push(heldStatement(client, position), positionStatement(client, systemTenant, position));
  const fences = position === undefined ? fencedTenantsStatement(client, items) : undefined;
  if (fences !== undefined) statements.push(fences);
  const results = await queryAll(client, statements);
  const fencedTenants = fences === undefined ? [] : (results.at(-1)?.rows ?? []).map(({ t }) => t as string);
  if (position !== undefined && results.at(-1)?.rowCount !== 1) throw await positionMoved(client, systemTenant, position);
  const first = opening === 'BEGIN' ? 1 : 2;
  const heads = headsOf(results[first] as pg.QueryResult);
  const nowMs = clock();
  for (const head of heads.values()) head.receivedAtMs = Math.max(nowMs, head.receivedAtMs);
  const allowed = keys.length === 0 ? items : refuseEnded(items, keys, results[first + 2] as pg.QueryResult, heads);
  const isWaiting = position !== undefined && results.at(-2)?.rows[0]?.held === true;
  return { heads, allowed: isWaiting ? await holdFollowing(client, allowed, position) : allowed, fencedTenants };
}

export function logKeys(items: readonly Item[]): readonly LogKey[] {
  const keys = new Map<string, LogKey>();
  for (const item of items)
    if (item.kind !== 'refused' && item.kind !== 'held') keys.set(logKeyOf(item), { tenant: item.tenant, shard: item.shard });
  return [...keys.values()];
}

function checkShards(heads: ReadonlyMap<string, LogHead>, shards: number): void {
  for (const head of heads.values()) {
    if (head.shards === shards) continue;
    throw new StoreError(
      'shards_changed',
      `expected RECANT_SHARDS=${head.shards}, got ${shards} (logs of tenant ${head.tenant}); the shard count cannot change, restore the old value.`,
    );
  }
}

/** Approximate bytes of an entry's row without the event: frame header, key, leaf, field lengths. */
const ROW_BYTES = 256;

/** Assigns each item its index in its log, in batch order. */
function layOut(resolved: readonly Resolved[], heads: ReadonlyMap<string, LogHead>): { rows: Rows; receipts: Receipt[] } {
  const rows = new Rows(
    resolved.reduce((sum, one) => sum + ('item' in one && 'bytes' in one.item ? one.item.bytes.length + ROW_BYTES : 0), 0),
  );
  const receipts: Receipt[] = [];
  for (const one of resolved) receipts.push(layOutOne(one, heads, rows, receipts));
  return { rows, receipts };
}

function layOutOne(one: Resolved, heads: ReadonlyMap<string, LogHead>, rows: Rows, receipts: readonly Receipt[]): Receipt {
  switch (one.kind) {
    case 'held':
      return one;
    case 'refused':
      return { kind: 'refused', refusal: one.item.refusal };
    case 'duplicate':
      return one;
    case 'known_letter':
      return { kind: 'refused', refusal: one.item.refusal, shard: one.shard, index: one.index };
    case 'repeats': {
      const first = receipts[one.of] as Receipt;
      return first.kind === 'appended' ? { ...first, kind: 'duplicate' } : first;
    }
    case 'dead':
      return layOutDead(one.item, headOf(heads, one.item), rows);
    case 'event':
      try {
        return layOutEvent(one, headOf(heads, one.item), rows);
      } catch (cause) {
        throw cause instanceof RangeError ? new RecordFault(cause.message, { cause }) : cause;
      }
  }
}

function layOutEvent({ item, sourceNo }: Extract<Resolved, { kind: 'event' }>, head: LogHead, rows: Rows): Receipt {
  const { event, keyId, bytes } = item;
  const place = placeNext(head, rows);
  const key = { sourceNo, eventId: event.id, sequence: parseSequence(event.sequence) as number };
  head.frontier.append([rows.entry(place, key, frameHeadOf(head, keyId), bytes)]);
  return { kind: 'appended', shard: head.shard, index: BigInt(place.idx) };
}

function layOutDead(item: DeadItem, head: LogHead, rows: Rows): Receipt {
  const { refusal, origin, digest, bytes, keyId } = item;
  const place = placeNext(head, rows);
  const body = deadLetterBody({ ...refusal, origin, digest: digest.toString('hex'), size: bytes.length });
  const frameHead = encodeFrameHead({ kind: 'dead_letter', tenant: head.tenant, keyId, receivedAtMs: head.receivedAtMs });
  head.frontier.append([rows.entry(place, undefined, frameHead, body)]);
  rows.deadLetter(place, item);
  return { kind: 'refused', refusal, shard: head.shard, index: BigInt(place.idx) };
}

/** Shared by all events of one log and key within a batch. */
function frameHeadOf(head: LogHead, keyId: string): Buffer {
  if (head.framed?.keyId !== keyId) {
    const { tenant, receivedAtMs } = head;
    head.framed = { keyId, bytes: encodeFrameHead({ kind: 'event', tenant, keyId, receivedAtMs }) };
  }
  return head.framed.bytes;
}

function headOf(heads: ReadonlyMap<string, LogHead>, key: LogKey): LogHead {
  const head = heads.get(logKeyOf(key));
  if (head === undefined) throw new StoreError('not_found', `Log ${logKeyOf(key)} does not exist: create it before appending.`);
  return head;
}

/** The next free index of a log; adds entry 0, the genesis, to an empty log. */
function placeNext(head: LogHead, rows: Rows): Place {
  const { tenant, shard, shards, epoch, frontier, receivedAtMs } = head;
  if (frontier.size === 0n) {
    const frameHead = encodeFrameHead({ kind: 'genesis', tenant, keyId: '', receivedAtMs });
    const body = genesisBody({ epoch, shard, shards, tenant });
    frontier.append([rows.entry({ tenant, shard, idx: 0, receivedAtMs }, undefined, frameHead, body)]);
  }
  return { tenant, shard, idx: Number(frontier.size), receivedAtMs };
}
