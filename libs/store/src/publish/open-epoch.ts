import { type EpochStatement, encodeFrame, epochBody, genesisBody, type LogKey } from '@recant/ledger';
import { leafHash } from '@recant/transparency';
import type pg from 'pg';
import { advanceLogs } from '../append/advance.ts';
import { requireKey } from '../append/end-keys.ts';
import { createLogs, lockLogs, logKeyOf } from '../append/lock-logs.ts';
import { StoreError } from '../error.ts';
import { inTransaction, withClient } from './publish-store.ts';

const ADD_ENTRY = 'INSERT INTO recant.entry (tenant_id, shard, idx, leaf, frame) VALUES ($1, $2, $3, $4, $5)';
const NEXT_EPOCH = 'UPDATE recant.log SET epoch = $4 WHERE tenant_id = $1 AND shard = $2 AND epoch = $3';
const ADD_EPOCH = `INSERT INTO recant.epoch (tenant_id, shard, epoch, start, statement, previous_note, key_id, opened_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0))`;

export interface EpochOpening {
  /** Expected current epoch: prevents opening twice. */
  readonly from: number;
  readonly epoch: number;
  readonly shards: number;
  readonly previous: EpochStatement['previous'];
  readonly previousNote: Uint8Array | undefined;
  readonly reason: string;
  /** Id of the key or person opening the epoch. */
  readonly keyId: string;
  /** Milliseconds since 1970, UTC. */
  readonly nowMs: number;
}

/** Appends the epoch statement and moves the log to the new epoch, in one transaction under the log's row lock. @returns index of the statement */
export function openEpochInStore(pool: pg.Pool, log: LogKey, opening: EpochOpening): Promise<bigint> {
  return withClient(pool, async (client) => {
    await createLogs(client, [log], opening.shards);
    return inTransaction(client, 'BEGIN', () => append(client, log, opening));
  });
}

async function append(client: pg.ClientBase, log: LogKey, opening: EpochOpening): Promise<bigint> {
  const { tenant, shard } = log;
  const head = (await lockLogs(client, [log])).get(logKeyOf(log));
  if (head?.epoch !== opening.from)
    throw new StoreError(
      'already_exists',
      `Log ${tenant}/${shard}: expected epoch ${opening.from}, got ${head?.epoch ?? 'none'}; read its state again.`,
    );
  const { frontier, shards } = head;
  head.receivedAtMs = Math.max(head.receivedAtMs, opening.nowMs);
  const { receivedAtMs } = head;
  await requireKey(client, tenant, opening.keyId, receivedAtMs);
  const add = async (frame: Buffer): Promise<void> => {
    const leaf = leafHash(frame);
    await client.query(ADD_ENTRY, [tenant, shard, frontier.size, leaf, frame]);
    frontier.append([leaf]);
  };
  if (frontier.size === 0n)
    await add(
      encodeFrame({ kind: 'genesis', tenant, keyId: '', receivedAtMs, body: genesisBody({ epoch: head.epoch, shard, shards, tenant }) }),
    );
  const start = frontier.size;
  const { epoch, reason, previous, keyId } = opening;
  const root = frontier.root().toString('hex');
  const body = epochBody({ tenant, shard, shards, epoch, start: Number(start), root, reason, ...(previous && { previous }) });
  await add(encodeFrame({ kind: 'epoch', tenant, keyId, receivedAtMs, body }));
  await advanceLogs(client, [head]);
  const moved = await client.query(NEXT_EPOCH, [tenant, shard, opening.from, epoch]);
  if (moved.rowCount !== 1) throw new StoreError('already_exists', `Log ${tenant}/${shard} changed under its lock: read its state again.`);
  await client.query(ADD_EPOCH, [tenant, shard, epoch, start, body, opening.previousNote ?? null, keyId, opening.nowMs]);
  return start;
}
