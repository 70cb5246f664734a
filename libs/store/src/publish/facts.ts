import type { LogFacts, LogKey } from '@recant/ledger';
import type pg from 'pg';

/** Head and last entry of one log, one index probe each. */
const FACTS = `SELECT l.shards, l.epoch, l.size, l.root, l.frontier, e.idx, e.leaf, e.frame FROM recant.log l
  LEFT JOIN LATERAL (SELECT idx, leaf, frame FROM recant.entry WHERE tenant_id = l.tenant_id AND shard = l.shard ORDER BY idx DESC LIMIT 1) e ON true
  WHERE l.tenant_id = $1 AND l.shard = $2`;

export async function readFacts(client: pg.ClientBase, { tenant, shard }: LogKey): Promise<LogFacts | undefined> {
  const { rows } = await client.query({ name: 'recant-log-facts', text: FACTS, values: [tenant, shard] });
  const row = rows[0];
  if (row === undefined || (row.size === '0' && row.idx === null)) return undefined;
  const { shards, epoch, size, root, frontier, idx, leaf, frame } = row;
  return {
    tenant,
    shard,
    shards,
    epoch,
    size: BigInt(size),
    root,
    frontier,
    last: idx === null ? undefined : { index: BigInt(idx), leaf, frame },
  };
}
