import type pg from 'pg';
import { endOf, type KeyEnd, type KeyTimes, keyTimesOf } from '../access/key-end.ts';
import { shareKeysStatement } from '../access/key-lock.ts';
import { StoreError } from '../error.ts';
import { type DeadItem, type EventItem, endedItem, type Item } from './item.ts';
import { type LogHead, logKeyOf } from './lock-logs.ts';

/** Keys that a batch was sent under. */
export function keysOf(items: readonly Item[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const item of items) if (hasKey(item)) keys.add(item.keyId);
  return keys;
}

/** What a service says by itself is under nobody's key, and so is a message whose sender is not known. */
function hasKey(item: Item): item is EventItem | DeadItem {
  return item.kind !== 'refused' && !item.own && item.keyId !== '';
}

/**
 * For the exchange that begins the transaction, in this order: the second has a snapshot of its own, and so sees every end that the first waited for.
 */
export function keyStatements(client: pg.ClientBase, keyIds: ReadonlySet<string>): readonly [string, string] {
  const ids = Array.from(keyIds, (keyId) => client.escapeLiteral(keyId));
  return [
    shareKeysStatement(keyIds),
    `SELECT tenant_id, key_id, revoked_at, expires_at FROM recant.credential WHERE key_id = ANY (ARRAY[${ids}])`,
  ];
}

/**
 * The items, with what came under a key that is no key (any more) as refusals. A key has expired where the entry's `receivedAt` would not be before its end:
 * so the log itself shows that none was taken after.
 * @param found what the second statement gave
 */
export function refuseEnded(items: readonly Item[], found: pg.QueryResult, heads: ReadonlyMap<string, LogHead>): readonly Item[] {
  const known = timesOf(found);
  return items.map((item) => {
    if (!hasKey(item)) return item;
    const ended = endedAt(known.get(`${item.tenant} ${item.keyId}`), heads.get(logKeyOf(item))?.receivedAtMs);
    return ended === undefined ? item : endedItem(item, ended);
  });
}

/** As for events, of an entry that one request makes. @param by a key id, or a person, who has none and is named with a colon. @throws StoreError `key_ended` */
export async function requireKey(client: pg.ClientBase, tenant: string, by: string, atMs: number): Promise<void> {
  if (by.includes(':')) return;
  const [, found] = (await client.query(keyStatements(client, new Set([by])).join(';'))) as unknown as readonly pg.QueryResult[];
  const ended = endedAt(timesOf(found as pg.QueryResult).get(`${tenant} ${by}`), atMs);
  if (ended !== undefined) throw new StoreError('key_ended', `Key ${by} is ${ended}: use another one.`);
}

function timesOf({ rows }: pg.QueryResult): ReadonlyMap<string, KeyTimes> {
  return new Map(rows.map((row) => [`${row.tenant_id} ${row.key_id}`, keyTimesOf(row.revoked_at, row.expires_at)]));
}

function endedAt(times: KeyTimes | undefined, atMs = Number.POSITIVE_INFINITY): KeyEnd | 'unknown' | undefined {
  return times === undefined ? 'unknown' : endOf(times, atMs);
}
