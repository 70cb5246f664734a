import { LedgerTampered } from '@recant/ledger';
import { emptyRoot, Frontier } from '@recant/transparency';
import type pg from 'pg';

/** A log's head, under its row lock until the transaction ends. */
export interface LogHead {
  readonly tenant: string;
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  /** Size when locked; expected by the compare-and-set. */
  readonly sizeBefore: bigint;
  readonly frontier: Frontier;
  /** Milliseconds since 1970, UTC. */
  receivedAtMs: number;
  /** Frame head of the last event, reused by the next one under the same key: `receivedAtMs` no longer changes. */
  framed?: { readonly keyId: string; readonly bytes: Buffer };
}

const CREATE_LOGS = `INSERT INTO recant.log (tenant_id, shard, epoch, shards, size, root, frontier, received_at_last)
  SELECT t, s, 1, $3, 0, $4, ''::bytea, to_timestamp(0) FROM unnest($1::text[], $2::smallint[]) AS k (t, s) ORDER BY t, s
  ON CONFLICT DO NOTHING`;

export interface LogKey {
  readonly tenant: string;
  readonly shard: number;
}
export const logKeyOf = ({ tenant, shard }: LogKey): string => `${tenant}/${shard}`;

/** Ascending order prevents deadlocks between batches. Uses literals, so that it can share an exchange. */
export function lockStatement(client: pg.ClientBase, keys: readonly LogKey[]): string {
  const tenants = keys.map(({ tenant }) => client.escapeLiteral(tenant));
  const shards = keys.map(({ shard }) => Number(shard));
  return `SELECT tenant_id, shard, shards, epoch, size, frontier, (extract(epoch FROM received_at_last) * 1000)::bigint AS received_ms
    FROM recant.log WHERE (tenant_id, shard) IN (SELECT * FROM unnest(ARRAY[${tenants}]::text[], ARRAY[${shards}]::smallint[]))
    ORDER BY tenant_id, shard FOR UPDATE`;
}

/** Locks the heads in ascending (tenant, shard) order. Logs that do not exist are absent from the result. */
export async function lockLogs(client: pg.ClientBase, keys: readonly LogKey[]): Promise<Map<string, LogHead>> {
  return headsOf(await client.query(lockStatement(client, keys)));
}

/** Reads the result of `lockStatement`. */
export function headsOf({ rows }: pg.QueryResult): Map<string, LogHead> {
  const heads = rows.map((row): [string, LogHead] => {
    const sizeBefore = BigInt(row.size);
    const head: LogHead = {
      tenant: row.tenant_id,
      shard: row.shard,
      shards: row.shards,
      epoch: row.epoch,
      sizeBefore,
      frontier: frontierIn(row),
      receivedAtMs: Number(row.received_ms),
    };
    return [logKeyOf(head), head];
  });
  return new Map(heads);
}

/** @throws LedgerTampered */
function frontierIn(row: { tenant_id: string; shard: number; size: string; frontier: Uint8Array }): Frontier {
  try {
    return Frontier.parse(BigInt(row.size), row.frontier);
  } catch (error) {
    throw new LedgerTampered({ tenant: row.tenant_id, shard: row.shard }, 'frontier_differs', (error as Error).message);
  }
}

/** Creates heads of size 0 outside the append transaction: a crash here leaves empty logs, which the next batch fills. */
export async function createLogs(client: pg.ClientBase, keys: readonly LogKey[], shards: number): Promise<void> {
  await client.query(CREATE_LOGS, [keys.map(({ tenant }) => tenant), keys.map(({ shard }) => shard), shards, emptyRoot()]);
}
