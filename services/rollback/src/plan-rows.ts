import { ApiFault, listPlanRows, PAGE_ITEMS_DEFAULT, type PlanRowBody, VALUE_ROWS_MAX } from '@recant/api';
import type { PartValue } from '@recant/connector';
import { type PlanRow, plainRef, type RowCollector, type RowPlace, refKey, rowCollector, rowsLeft } from '@recant/planner';
import { type BoundRoute, handle } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import { valuesInTargets } from './ask-open.ts';
import type { RollbackCore } from './core.ts';
import { findPlan } from './plans.ts';

/** Rows and files of a plan, in pages: of the plan it holds one page of rows. */
export const planRowsRoute = (core: RollbackCore): BoundRoute =>
  handle(listPlanRows, async ({ caller, params, query }) => {
    const plan = await findPlan(core, caller.tenant, params.plan);
    const { in: under, step, fate, limit = PAGE_ITEMS_DEFAULT } = query;
    const most = query.values ? Math.min(limit, VALUE_ROWS_MAX) : limit;
    const collector = rowCollector({ under, step, fate, limit: most, after: placeOf(query.cursor) });
    await collect(core, caller.tenant, plan, { step, fate }, collector);
    const { rows, next, counts } = collector.page();
    const items = query.values ? await withValues(core, caller.tenant, rows) : rows;
    return { status: 200, body: { items, ...(next && { next: cursorOf(next) }), counts: Object.fromEntries(counts) } };
  });

async function collect(
  { store: { plans, ledgerReader } }: RollbackCore,
  tenant: string,
  { id, header }: StoredPlan,
  { step, fate }: { readonly step?: number | undefined; readonly fate?: PlanRow['fate'] | undefined },
  collector: RowCollector,
): Promise<void> {
  if (step !== undefined) {
    for (const one of await plans.steps(tenant, id, [step])) collector.addStep(one);
    return;
  }
  if (fate === undefined || fate === 'stays') {
    for await (const conflict of plans.all(tenant, id, 'conflicts')) collector.addConflict(conflict);
    const { derived = [] } = header;
    const vector = Object.fromEntries(Object.entries(header.vector).map(([shard, size]) => [shard, BigInt(size)]));
    for await (const { left, resources } of rowsLeft(ledgerReader, { tenant, vector, derived }, plans.all(tenant, id, 'left')))
      collector.addLeft(left, resources);
  }
  for await (const one of plans.all(tenant, id, 'steps')) collector.addStep(one);
}

const cursorOf = (place: RowPlace): string => Buffer.from(JSON.stringify(place)).toString('base64url');

/** @throws ApiFault `cursor_invalid` */
function placeOf(cursor: string | undefined): RowPlace | undefined {
  if (cursor === undefined) return undefined;
  const parsed = parsePlace(cursor);
  if (parsed === undefined) throw new ApiFault('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return parsed;
}

function parsePlace(cursor: string): RowPlace | undefined {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (!Array.isArray(place) || place.length !== 4) return undefined;
    const [rank, resource, step, at] = place as unknown[];
    const isPlace = [rank, step, at].every((value) => Number.isSafeInteger(value)) && typeof resource === 'string';
    return isPlace ? (place as unknown as RowPlace) : undefined;
  } catch {
    return undefined;
  }
}

/** A system that does not answer in time leaves its rows without values. */
async function withValues(core: RollbackCore, tenant: string, rows: readonly PlanRow[]): Promise<readonly PlanRowBody[]> {
  const asked = new Map<string, { readonly undoes: PlanRow['ref']; readonly resources: string[] }>();
  for (const { ref, resource } of rows) {
    const known = asked.get(refKey(ref)) ?? { undoes: plainRef(ref), resources: [] };
    known.resources.push(resource);
    asked.set(refKey(ref), known);
  }
  const found = new Map<string, PartValue[]>();
  for (const value of await valuesInTargets(core, tenant, [...asked.values()])) {
    const key = `${refKey(value.undoes)} ${value.resource}`;
    found.set(key, [...(found.get(key) ?? []), value]);
  }
  return rows.map((row) => {
    const values = found.get(`${refKey(row.ref)} ${row.resource}`);
    return values === undefined ? row : { ...row, values: values.map(({ undoes: _undoes, resource: _resource, ...value }) => value) };
  });
}
