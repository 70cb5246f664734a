import { ApiFault, listPlanRows, PAGE_ITEMS_DEFAULT, type PlanRowBody, VALUE_ROWS_MAX } from '@recant/api';
import type { PartValue } from '@recant/connector';
import { type PlanRow, plainRef, refKey, rowsOfPlan } from '@recant/planner';
import { type BoundRoute, handle } from '@recant/service';
import { valuesInTargets } from './ask-open.ts';
import type { RollbackCore } from './core.ts';
import { findPlan } from './plans.ts';

/** Rows and files of a plan, in pages: a plan does not change, so that a cursor is a number of rows. */
export const planRowsRoute = (core: RollbackCore): BoundRoute =>
  handle(listPlanRows, async ({ caller, params, query }) => {
    const { body } = await findPlan(core, caller.tenant, params.plan);
    const rows = rowsOfPlan(body, { under: query.in, step: query.step });
    const from = placeOf(query.cursor);
    const { limit = PAGE_ITEMS_DEFAULT } = query;
    const page = rows.slice(from, from + (query.values ? Math.min(limit, VALUE_ROWS_MAX) : limit));
    const items = query.values ? await withValues(core, caller.tenant, page) : page;
    const end = from + page.length;
    const counts = new Map<PlanRow['fate'], number>();
    for (const { fate } of rows) counts.set(fate, (counts.get(fate) ?? 0) + 1);
    return {
      status: 200,
      body: { items, ...(end < rows.length && { next: String(end) }), counts: Object.fromEntries(counts) },
    };
  });

/** @throws ApiFault `cursor_invalid` */
function placeOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (!/^[1-9][0-9]{0,8}$/.test(cursor)) throw new ApiFault('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return Number(cursor);
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
