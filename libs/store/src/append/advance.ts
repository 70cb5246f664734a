import type { KafkaPosition } from '@recant/ledger';
import type pg from 'pg';
import { PositionMoved, StoreUnavailable } from '../error.ts';
import type { LogHead } from './lock-logs.ts';

/** The row lock makes the comparison succeed; it is the backstop should the lock ever not hold. */
const ADVANCE_LOGS = `UPDATE recant.log l SET size = k.size, root = k.root, frontier = k.frontier, received_at_last = to_timestamp(k.received_ms / 1000.0)
  FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bigint[])
    AS k (tenant_id, shard, size_before, size, root, frontier, received_ms)
  WHERE l.tenant_id = k.tenant_id AND l.shard = k.shard AND l.size = k.size_before`;

export async function advanceLogs(client: pg.ClientBase, heads: readonly LogHead[]): Promise<void> {
  const grown = heads.filter(({ frontier, sizeBefore }) => frontier.size > sizeBefore);
  if (grown.length === 0) return;
  const { rowCount } = await client.query({
    name: 'recant-advance-logs',
    text: ADVANCE_LOGS,
    values: [
      grown.map(({ tenant }) => tenant),
      grown.map(({ shard }) => shard),
      grown.map(({ sizeBefore }) => sizeBefore),
      grown.map(({ frontier }) => frontier.size),
      grown.map(({ frontier }) => frontier.root()),
      grown.map(({ frontier }) => frontier.serialize()),
      grown.map(({ receivedAtMs }) => receivedAtMs),
    ],
  });
  if (rowCount !== grown.length) throw new StoreUnavailable('A log grew under its lock: nothing of this batch was kept, send it again.');
}

const ADVANCE_POSITION = `UPDATE recant.kafka_position SET next_offset = $6, updated_at = now()
  WHERE tenant_id = $1 AND topic = $2 AND partition = $3 AND cluster = $4 AND next_offset = $5`;
const READ_POSITION = 'SELECT cluster, next_offset FROM recant.kafka_position WHERE tenant_id = $1 AND topic = $2 AND partition = $3';

/** @throws PositionMoved where the batch was not read from the stored position of that cluster. */
export async function advancePosition(client: pg.ClientBase, operator: string, position: KafkaPosition): Promise<void> {
  const { cluster, topic, partition, from, next } = position;
  const values = [operator, topic, partition, cluster, from, next];
  const { rowCount } = await client.query({ name: 'recant-advance-position', text: ADVANCE_POSITION, values });
  if (rowCount === 1) return;
  const { rows } = await client.query(READ_POSITION, [operator, topic, partition]);
  const stored = rows[0] as { cluster: string; next_offset: string } | undefined;
  const found = stored === undefined ? 'none is stored' : `${stored.next_offset} of cluster ${stored.cluster} is stored`;
  throw new PositionMoved(
    `The batch of ${topic}/${partition} was read from ${from} of cluster ${cluster}, but ${found}: read again from there.`,
    stored === undefined ? undefined : BigInt(stored.next_offset),
    stored?.cluster,
  );
}
