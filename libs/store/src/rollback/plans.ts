import { headerOf, type Plan } from '@recant/planner';
import { type OutboxItem, summarize } from '@recant/runner';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { inTransaction } from '../in-transaction.ts';
import { putEvents } from './outbox.ts';
import { putItems, readBody } from './plan-items.ts';

export interface StoredPlan extends Plan {
  /** Key or person that requested the plan. */
  readonly by: string;
  /** Milliseconds since 1970, UTC. */
  readonly createdAtMs: number;
}

/** Plans of a tenant. Insert-only; read-after-write. */
export interface Plans {
  /** Stores the plan and its events in one transaction. Idempotent by id. */
  put(tenant: string, plan: StoredPlan, events: { readonly source: string; readonly items: readonly OutboxItem[] }): Promise<void>;
  find(tenant: string, id: string): Promise<StoredPlan | undefined>;
}

const INSERT = `INSERT INTO recant.plan (tenant_id, id, digest, mode, header, summary, key_id, created_at)
  VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6, $7, to_timestamp($8::bigint / 1000.0)) ON CONFLICT DO NOTHING`;
const FIND = `SELECT id, encode(digest, 'hex') AS digest, header, key_id, created_at FROM recant.plan WHERE tenant_id = $1 AND id = $2`;

export function createPlans(pool: pg.Pool): Plans {
  return {
    put: (tenant, plan, { source, items }) =>
      inTransaction(pool, async (client) => {
        const { id, digest, body, by, createdAtMs } = plan;
        await client.query('INSERT INTO recant.tenant (id) VALUES ($1) ON CONFLICT DO NOTHING', [tenant]);
        const values = [tenant, id, digest, body.mode, JSON.stringify(headerOf(body)), JSON.stringify(summarize(body)), by, createdAtMs];
        const { rowCount } = await client.query(INSERT, values);
        if (rowCount !== 1) return;
        await putItems(client, tenant, id, body);
        await putEvents(client, tenant, source, items);
      }),
    find: (tenant, id) =>
      asReader(pool, tenant, async (client) => {
        const { rows } = await client.query(FIND, [tenant, id]);
        const [row] = rows;
        if (!row) return undefined;
        const body = await readBody(client, tenant, id, row.header);
        return { id: row.id, digest: row.digest, body, by: row.key_id, createdAtMs: row.created_at.getTime() };
      }),
  };
}
