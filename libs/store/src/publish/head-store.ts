import type { HeadMember, HeadStore, OpenHeads, StoredHead, TenantLogs } from '@recant/ledger';
import { HASH_BYTES, type LogHead } from '@recant/transparency';
import type pg from 'pg';
import { inTransaction, underLock, withClient } from './publish-store.ts';

/** Advisory lock for signing a head. Any fixed number. */
const HEAD_LOCK = 726_715;

const MS = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;
const HEAD = `SELECT epoch, n, width, root, path, ${MS('signed_at')} AS signed_ms, note FROM recant.ledger_head WHERE tenant_id = $1`;
const LAST = `${HEAD} ORDER BY epoch DESC, n DESC LIMIT 1`;
const AT = `${HEAD} AND epoch = $2 AND n = $3`;
const EPOCH_AFTER = 'SELECT EXISTS (SELECT 1 FROM recant.epoch WHERE opened_at > to_timestamp($1 / 1000.0)) AS opened';
/** One index probe per log. */
const NEWEST = `FROM recant.log l CROSS JOIN LATERAL (SELECT size, root, signed_at FROM recant.checkpoint
  WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch ORDER BY size DESC LIMIT 1) c`;
const NEWEST_AT = `SELECT ${MS('max(c.signed_at)')} AS ms ${NEWEST}`;
const TENANTS = `SELECT l.tenant_id, l.shard, l.epoch, c.size, c.root, s.slot ${NEWEST}
  LEFT JOIN recant.head_slot s ON s.tenant_id = l.tenant_id ORDER BY l.tenant_id, l.shard`;
const PUT = `INSERT INTO recant.ledger_head (tenant_id, epoch, n, width, root, path, signed_at, note)
  VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0), $8)`;
const PUT_SLOTS = 'INSERT INTO recant.head_slot (tenant_id, slot) SELECT * FROM unnest($1::text[], $2::int[])';
const PUT_MEMBERS = `INSERT INTO recant.head_member (tenant_id, epoch, n, slot, salt, heads, path)
  SELECT k.tenant, $1, $2, k.slot, k.salt, k.heads, k.path FROM unnest($3::text[], $4::int[], $5::bytea[], $6::text[], $7::bytea[]) AS k (tenant, slot, salt, heads, path)`;
const OF_TENANT = `SELECT h.epoch, h.n, h.width, h.root, h.path, ${MS('h.signed_at')} AS signed_ms, h.note, m.slot, m.salt, m.heads, m.path AS member_path
  FROM recant.head_member m JOIN recant.ledger_head h ON h.tenant_id = $2 AND h.epoch = m.epoch AND h.n = m.n
  WHERE m.tenant_id = $1 ORDER BY m.epoch DESC, m.n DESC LIMIT 1`;

/** @param operator tenant that owns the heads @param secret 32 bytes, the same on every replica */
export function createHeadStore(pool: pg.Pool, operator: string, secret: Uint8Array): HeadStore {
  return {
    exclusively: (work) =>
      withClient(pool, (client) =>
        underLock(client, HEAD_LOCK, 'head', () =>
          inTransaction(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ', () => work(openHeads(client, operator, secret))),
        ),
      ),
  };
}

function openHeads(client: pg.ClientBase, operator: string, secret: Uint8Array): OpenHeads {
  const head = async (text: string, values: unknown[]): Promise<StoredHead | undefined> => {
    const { rows } = await client.query(text, values);
    return rows[0] && toHead(rows[0]);
  };
  return {
    secret,
    last: () => head(LAST, [operator]),
    at: (epoch, publication) => head(AT, [operator, epoch, publication]),
    newestCheckpointMs: async () => (await client.query(NEWEST_AT)).rows[0].ms ?? undefined,
    epochOpenedAfter: async (ms) => (await client.query(EPOCH_AFTER, [ms])).rows[0].opened,
    tenants: async () => toTenants((await client.query(TENANTS)).rows),
    async put({ epoch, publication, width, root, recordPath, signedAtMs, note }, slots, members) {
      await client.query(PUT, [operator, epoch, publication, width, root, Buffer.concat(recordPath), signedAtMs, note]);
      await client.query(PUT_SLOTS, [[...slots.keys()], [...slots.values()]]);
      await client.query(PUT_MEMBERS, [epoch, publication, ...columnsOf(members)]);
    },
  };
}

function columnsOf(members: readonly HeadMember[]): unknown[][] {
  return [
    members.map(({ tenant }) => tenant),
    members.map(({ slot }) => slot),
    members.map(({ salt }) => salt),
    members.map(({ heads }) => heads),
    members.map(({ path }) => Buffer.concat(path)),
  ];
}

function toTenants(rows: readonly Record<string, unknown>[]): TenantLogs[] {
  return [...Map.groupBy(rows, (row) => row.tenant_id as string)].map(([tenant, logs]) => ({
    tenant,
    slot: (logs[0]?.slot as number | null) ?? undefined,
    logs: logs.map((row) => ({ shard: row.shard, epoch: row.epoch, size: BigInt(row.size as string), root: row.root }) as LogHead),
  }));
}

function toHead(row: Record<string, unknown>): StoredHead {
  return {
    epoch: row.epoch as number,
    publication: BigInt(row.n as string),
    width: row.width as number,
    root: row.root as Buffer,
    recordPath: hashesIn(row.path as Buffer),
    signedAtMs: row.signed_ms as number,
    note: row.note as Buffer,
  };
}

function hashesIn(bytes: Buffer): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** A tenant's path in the newest head that contains it. */
export interface TenantHead extends StoredHead {
  readonly slot: number;
  readonly salt: Uint8Array;
  readonly heads: string;
  readonly path: readonly Uint8Array[];
}

export async function readTenantHead(pool: pg.Pool, tenant: string, operator: string): Promise<TenantHead | undefined> {
  const { rows } = await pool.query(OF_TENANT, [tenant, operator]);
  const row = rows[0];
  return row && { ...toHead(row), slot: row.slot, salt: row.salt, heads: row.heads, path: hashesIn(row.member_path) };
}
