import { headerOf, type PlanCounts, type PlanDraft, type PlanHeader, type PlanItems, type PlanList } from '@recant/planner';
import { type OutboxItem, summarize } from '@recant/runner';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { inTransaction } from '../in-transaction.ts';
import { putEvents } from './outbox.ts';
import { type ItemHead, type ItemPage, putItems, readHeads, readItems, readSteps } from './plan-items.ts';

interface Made {
  /** Key or person that requested the plan. */
  readonly by: string;
  /** Milliseconds since 1970, UTC. */
  readonly createdAtMs: number;
}

/** A plan that was made, whole. */
export interface NewPlan extends Made {
  readonly id: string;
  /** Of `body`, as the counts are. */
  readonly digest: string;
  readonly counts: PlanCounts;
  readonly body: PlanDraft;
}

/** A plan without its items. */
export interface StoredPlan extends Made {
  readonly id: string;
  readonly digest: string;
  readonly header: PlanHeader;
  /** For views: what decides about a run counts the items itself. */
  readonly counts: PlanCounts;
}

/** Plans of a tenant. Insert-only; read-after-write. */
export interface Plans extends PlanItems {
  /** Stores the plan and its events in one transaction. Idempotent by id. */
  put(tenant: string, plan: NewPlan, events: { readonly source: string; readonly items: readonly OutboxItem[] }): Promise<void>;
  find(tenant: string, id: string): Promise<StoredPlan | undefined>;
  /** A page of heads after item number `after`; empty where the tenant has no such plan. */
  heads<L extends PlanList>(tenant: string, id: string, list: L, after: number, limit: number): Promise<ItemPage<ItemHead<L>>>;
}

const INSERT = `INSERT INTO recant.plan (tenant_id, id, digest, mode, header, summary, counts, key_id, created_at)
  VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6, $7, $8, to_timestamp($9::bigint / 1000.0)) ON CONFLICT DO NOTHING`;
const FIND = `SELECT id, encode(digest, 'hex') AS digest, header, counts, key_id, created_at FROM recant.plan WHERE tenant_id = $1 AND id = $2`;

export function createPlans(pool: pg.Pool): Plans {
  const read = <T>(tenant: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> => asReader(pool, tenant, work);
  return {
    put: (tenant, plan, { source, items }) =>
      inTransaction(pool, async (client) => {
        const { id, digest, body, counts, by, createdAtMs } = plan;
        await client.query('INSERT INTO recant.tenant (id) VALUES ($1) ON CONFLICT DO NOTHING', [tenant]);
        const texts = [headerOf(body), summarize(body), counts].map((value) => JSON.stringify(value));
        const { rowCount } = await client.query(INSERT, [tenant, id, digest, body.mode, ...texts, by, createdAtMs]);
        if (rowCount !== 1) return;
        await putItems(client, tenant, id, body);
        await putEvents(client, tenant, source, items);
      }),
    async find(tenant, id) {
      const { rows } = await read(tenant, (client) => client.query(FIND, [tenant, id]));
      const [row] = rows;
      if (!row) return undefined;
      const { digest, header, counts, key_id: by, created_at: createdAt } = row;
      return { id: row.id, digest, header: JSON.parse(header) as PlanHeader, counts, by, createdAtMs: createdAt.getTime() };
    },
    heads: (tenant, plan, list, after, limit) => read(tenant, (client) => readHeads(client, { tenant, plan, list, after, limit })),
    async *all(tenant, plan, list) {
      for (let after: number | undefined = 0; after !== undefined; ) {
        const place = { tenant, plan, list, after };
        const page: Awaited<ReturnType<typeof readItems<typeof list>>> = await read(tenant, (client) => readItems(client, place));
        yield* page.items;
        after = page.next;
      }
    },
    steps: (tenant, plan, numbers) => read(tenant, (client) => readSteps(client, tenant, plan, numbers)),
  };
}
