import { createHash, type Hash } from 'node:crypto';
import type { KafkaPosition, Refusal } from '@recant/ledger';
import type pg from 'pg';
import type { HeldItem, Item } from './item.ts';

/** Messages of one tenant and partition that wait, and their bytes. What exceeds them is refused in one dead letter. */
const HELD_MESSAGES_MAX = 20_000;
const HELD_BYTES_MAX = 33_554_432;

/** Whether anything of a partition waits; for the exchange that begins the transaction. */
export function heldStatement(client: pg.ClientBase, { topic, partition }: KafkaPosition): string {
  return `SELECT EXISTS (SELECT FROM recant.held_message WHERE topic = ${client.escapeLiteral(topic)} AND partition = ${Number(partition)}) AS held`;
}

const WAITING = `SELECT k.tenant, k.source, h.reason FROM unnest($3::text[], $4::text[]) AS k (tenant, source),
  LATERAL (SELECT reason FROM recant.held_message WHERE topic = $1 AND partition = $2 AND tenant_id = k.tenant AND source = k.source LIMIT 1) h`;

type Reasons = Map<string, HeldItem['reason']>;

/** Holds the events of sources whose earlier events wait: a source's order does not change. */
export async function holdFollowing(client: pg.ClientBase, items: readonly Item[], { topic, partition }: KafkaPosition): Promise<Item[]> {
  const sources = new Map<string, readonly [string, string]>();
  for (const item of items)
    if (item.kind === 'event') sources.set(sourceOf(item.tenant, item.event.source), [item.tenant, item.event.source]);
  const asked = [...sources.values()];
  const { rows } = await client.query(WAITING, [topic, partition, asked.map(([tenant]) => tenant), asked.map(([, source]) => source)]);
  const waiting: Reasons = new Map(rows.map(({ tenant, source, reason }) => [sourceOf(tenant, source), reason]));
  return waiting.size === 0 ? [...items] : holdSources(items, waiting);
}

/** Holds every event of the named sources, and what follows a held one in the batch. */
export function holdSources(items: readonly Item[], waiting: Reasons = new Map()): Item[] {
  return items.map((item) => {
    if (item.kind === 'held' && item.source !== undefined) waiting.set(sourceOf(item.tenant, item.source), item.reason);
    const reason = item.kind === 'event' ? waiting.get(sourceOf(item.tenant, item.event.source)) : undefined;
    return item.kind === 'event' && reason !== undefined ? heldItem(item, reason) : item;
  });
}

const sourceOf = (tenant: string, source: string): string => `${tenant} ${source}`;

/** @param reason why it waits: its log accepts nothing now, or its key is over its rate */
export function heldItem(item: Exclude<Item, { kind: 'refused' | 'held' }>, reason: HeldItem['reason']): HeldItem {
  const { tenant, shard, keyId, bytes, origin } = item;
  const what = item.kind === 'event' ? { source: item.event.source } : { refused: item.refusal };
  return { kind: 'held', tenant, shard, keyId, bytes, origin, reason, ...what };
}

const USED = `SELECT tenant_id, count(*)::int AS messages, coalesce(sum(octet_length(bytes)), 0)::bigint AS bytes FROM recant.held_message
  WHERE topic = $1 AND partition = $2 AND tenant_id = ANY ($3::text[]) GROUP BY tenant_id`;
const HOLD = `INSERT INTO recant.held_message
    (tenant_id, shard, topic, partition, origin, key_id, source, bytes, part_digest, part_salt, refused_code, refused_detail, reason)
  SELECT k.tenant, k.shard, $1, $2, k.origin, k.key_id, k.source, k.bytes, k.digest, k.salt, k.code, k.detail, k.reason
  FROM unnest($3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
    WITH ORDINALITY AS k (tenant, shard, origin, key_id, source, bytes, digest, salt, code, detail, reason, n) ORDER BY k.n`;

/** Stores items beside the logs, in the transaction that moves the position. Beyond the limits, one row stands for all of a key. */
export async function storeHeld(client: pg.ClientBase, items: readonly HeldItem[], { topic, partition }: KafkaPosition): Promise<void> {
  const tenants = [...new Set(items.map(({ tenant }) => tenant))];
  const { rows } = await client.query(USED, [topic, partition, tenants]);
  const used = new Map(
    rows.map(({ tenant_id, messages, bytes }) => [tenant_id as string, { messages: messages as number, bytes: Number(bytes) }]),
  );
  const kept = boundHeld(items, used);
  const column = <T>(value: (item: HeldItem) => T): T[] => kept.map(value);
  await client.query(HOLD, [
    topic,
    partition,
    column(({ tenant }) => tenant),
    column(({ shard }) => shard),
    column(({ origin }) => origin),
    column(({ keyId }) => keyId),
    column(({ source }) => source ?? null),
    column(({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    column(({ part }) => part?.digest ?? null),
    column(({ part }) => part?.salt ?? null),
    column(({ refused }) => refused?.code ?? null),
    column(({ refused }) => refused?.detail ?? null),
    column(({ reason }) => reason),
  ]);
}

interface Overflow {
  readonly first: HeldItem;
  last: string;
  count: number;
  bytes: number;
  readonly digest: Hash;
}

function boundHeld(items: readonly HeldItem[], used: ReadonlyMap<string, { messages: number; bytes: number }>): readonly HeldItem[] {
  const kept: HeldItem[] = [];
  const overflows = new Map<string, Overflow>();
  const now = new Map(Array.from(used, ([tenant, { messages, bytes }]) => [tenant, { messages, bytes }]));
  for (const item of items) {
    const { tenant, keyId, reason, bytes, origin } = item;
    const sum = now.get(tenant) ?? { messages: 0, bytes: 0 };
    if (sum.messages < HELD_MESSAGES_MAX && sum.bytes + bytes.length <= HELD_BYTES_MAX) {
      now.set(tenant, { messages: sum.messages + 1, bytes: sum.bytes + bytes.length });
      kept.push(item);
      continue;
    }
    const key = `${reason} ${tenant} ${keyId}`;
    const over = overflows.get(key) ?? { first: item, last: origin, count: 0, bytes: 0, digest: createHash('sha256') };
    over.last = origin;
    over.count += 1;
    over.bytes += bytes.length;
    over.digest.update(bytes);
    overflows.set(key, over);
  }
  return [...kept, ...Array.from(overflows.values(), overflowItem)];
}

function overflowItem({ first, last, count, bytes, digest }: Overflow): HeldItem {
  const { tenant, shard, keyId, reason } = first;
  const [from] = offsetsOf(first.origin);
  const to = offsetsOf(last).at(-1);
  const origin = `${first.origin.slice(0, first.origin.lastIndexOf('/'))}/${from}-${to}`;
  const refused: Refusal = {
    code: 'backlog_full',
    detail:
      `${count} events and parts of this key at offsets ${from} to ${to} (${bytes} bytes, SHA-256 ${digest.digest('hex')} of their values in order) were refused: ` +
      `${WHY[reason]}, and as many messages wait as are stored for that. The broker has them until the topic's retention ends.`,
  };
  return { kind: 'held', tenant, shard, keyId, bytes: first.bytes.subarray(0, PREFIX_BYTES), origin, reason, refused };
}

/** Without the number of a line. */
function offsetsOf(origin: string): readonly string[] {
  return origin
    .slice(origin.lastIndexOf('/') + 1)
    .split('-')
    .map((offset) => offset.split('#', 1)[0] as string);
}
const WHY: Readonly<Record<HeldItem['reason'], string>> = { rate: 'the key is over its rate', log: 'their log accepts nothing now' };
/** Bytes of the first refused message in its dead letter. */
const PREFIX_BYTES = 4_096;
