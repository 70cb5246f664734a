import { decodeEvent, OPERATOR_TENANT, shardOf } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import { withSnapshot } from '@recant/store';
import { auditTenant } from '@recant/verifier';
import { SHARDS } from './replica.ts';
import type { Sender } from './senders.ts';
import { TENANTS, type World } from './world.ts';

/**
 * Every acknowledged event is recorded once, in its source's order. Events of a source that has left may be missing where the ledger says so: in a log
 * whose newer epoch names what was lost. The verifier is last.
 */
export async function auditWorld(world: World): Promise<string[]> {
  const problems: string[] = [];
  for (const tenant of TENANTS) {
    const recorded = await recordedIn(world, tenant);
    const epochs = await world.store.pool.query('SELECT DISTINCT shard FROM recant.epoch WHERE tenant_id = $1', [tenant]);
    const isShown = (source: string) => epochs.rows.some(({ shard }) => shard === shardOf(tenant, source, SHARDS));
    const compare = (sender: Sender, mayLack: boolean) =>
      problems.push(...differences(sender, recorded.get(sender.source) ?? [], mayLack).map((what) => `${sender.source}: ${what}`));
    for (const sender of world.senders) if (sender.tenant === tenant) compare(sender, false);
    for (const sender of world.left) if (sender.tenant === tenant) compare(sender, isShown(sender.source));
  }
  for (const tenant of [...TENANTS, OPERATOR_TENANT]) {
    await world.store.projection.reach(tenant);
    const violations = await withSnapshot(world.store.pool, tenant, (snapshot) => auditTenant(tenant, snapshot));
    problems.push(...violations.map((violation) => `verifier, ${tenant}: ${JSON.stringify(violation)}`));
  }
  return problems;
}

/** Ids by source, from the frames themselves, in log order. */
async function recordedIn(world: World, tenant: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  await withSnapshot(world.store.pool, tenant, async (snapshot) => {
    for await (const { frame } of snapshot.entries()) {
      const decoded = decodeFrame(frame);
      const event = decoded?.kind === 'event' ? decodeEvent(decoded.body) : undefined;
      if (event === undefined || !event.ok) continue;
      const ids = found.get(event.event.source) ?? [];
      ids.push(event.event.id);
      found.set(event.event.source, ids);
    }
  });
  return found;
}

function differences({ acknowledged }: Sender, recorded: readonly string[], mayLack: boolean): string[] {
  const once = new Set(recorded);
  const lost = acknowledged.filter((id) => !once.has(id));
  const doubled = recorded.length - once.size;
  const expected = mayLack ? acknowledged.filter((id) => once.has(id)) : acknowledged;
  return [
    ...(lost.length > 0 && !mayLack ? [`${lost.length} of ${acknowledged.length} acknowledged events lost, first ${lost[0]}`] : []),
    ...(doubled > 0 ? [`${doubled} recorded twice`] : []),
    ...(lost.length === 0 && doubled === 0 && expected.some((id, at) => recorded[at] !== id) ? ['recorded in another order'] : []),
    ...(recorded.length > expected.length && lost.length === 0 ? [`${recorded.length - expected.length} recorded, not acknowledged`] : []),
  ];
}
