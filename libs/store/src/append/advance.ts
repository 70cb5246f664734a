import type { KafkaPosition } from '@recant/ledger';
import type pg from 'pg';
import { PositionMoved, StoreUnavailable } from '../error.ts';
import type { LogHead } from './lock-logs.ts';

/** Under the row lock the comparison always succeeds; it is a backstop. */
export function advanceStatement(client: pg.ClientBase, grown: readonly LogHead[]): string {
  const rows = grown.map(({ tenant, shard, sizeBefore, frontier, receivedAtMs }) => {
    const bytes = (value: Uint8Array) => `'\\x${Buffer.from(value).toString('hex')}'::bytea`;
    const numbers = `${Number(shard)}::smallint, ${sizeBefore}::bigint, ${frontier.size}::bigint`;
    return `(${client.escapeLiteral(tenant)}, ${numbers}, ${bytes(frontier.root())}, ${bytes(frontier.serialize())}, ${Number(receivedAtMs)}::bigint)`;
  });
  return `UPDATE recant.log l SET size = k.size, root = k.root, frontier = k.frontier, received_at_last = to_timestamp(k.received_ms / 1000.0)
    FROM (VALUES ${rows}) AS k (tenant_id, shard, size_before, size, root, frontier, received_ms)
    WHERE l.tenant_id = k.tenant_id AND l.shard = k.shard AND l.size = k.size_before`;
}

export const hasGrown = ({ frontier, sizeBefore }: LogHead): boolean => frontier.size > sizeBefore;

export async function advanceLogs(client: pg.ClientBase, heads: readonly LogHead[]): Promise<void> {
  const grown = heads.filter(hasGrown);
  if (grown.length > 0) checkAdvanced((await client.query(advanceStatement(client, grown))).rowCount, grown);
}

/** @throws StoreUnavailable unless the statement moved every head */
export function checkAdvanced(changed: number | null, grown: readonly LogHead[]): void {
  if (changed !== grown.length) throw new StoreUnavailable('A log grew under its lock: nothing of this batch was stored, send it again.');
}

/** Moves the position of one partition if it is still the one that the batch was read from. */
export function positionStatement(client: pg.ClientBase, operator: string, position: KafkaPosition): string {
  const { cluster, topic, partition, from, next } = position;
  const quote = (value: string) => client.escapeLiteral(value);
  return `UPDATE recant.kafka_position SET next_offset = ${next}, updated_at = now() WHERE tenant_id = ${quote(operator)} AND topic = ${quote(topic)}
    AND partition = ${Number(partition)} AND cluster = ${quote(cluster)} AND next_offset = ${from}`;
}

const READ_POSITION = 'SELECT cluster, next_offset FROM recant.kafka_position WHERE tenant_id = $1 AND topic = $2 AND partition = $3';

/** The error for a batch read from another position than the stored one. */
export async function positionMoved(client: pg.ClientBase, operator: string, position: KafkaPosition): Promise<PositionMoved> {
  const { cluster, topic, partition, from } = position;
  const { rows } = await client.query(READ_POSITION, [operator, topic, partition]);
  const stored = rows[0] as { cluster: string; next_offset: string } | undefined;
  const found = stored === undefined ? 'none' : `${stored.next_offset} of cluster ${stored.cluster}`;
  return new PositionMoved(
    `Batch of ${topic}/${partition} starts at ${from} of cluster ${cluster}, stored position is ${found}: read again from the stored position.`,
    stored === undefined ? undefined : BigInt(stored.next_offset),
    stored?.cluster,
  );
}
