import { expect, test } from 'vitest';
import type { PlanBody } from '../src/index.ts';
import { type RowPlace, rowCollector } from '../src/rows.ts';

/** All pages, and how many they are. */
function pagesOf({ conflicts, steps }: Pick<PlanBody, 'conflicts' | 'steps'>, which: Parameters<typeof rowCollector>[0]) {
  const rows = [];
  for (let after: RowPlace | undefined, pages = 1; ; pages++) {
    const collector = rowCollector({ ...which, after });
    for (const conflict of conflicts) collector.addConflict(conflict);
    for (const step of steps) collector.addStep(step);
    const page = collector.page();
    rows.push(...page.rows);
    if (page.next === undefined) return { rows, pages, counts: Object.fromEntries(page.counts) };
    after = page.next;
  }
}

test('rows of a table one by one: what stays and what others lose come first, whatever the number of the others', () => {
  const row = (id: number): string => `postgres://shop/public.orders/${id}`;
  const guards = (id: number, before: string | null, after: string | null) => [
    { resource: row(id), part: 'exists', before, after },
    { resource: row(id), part: 'price', before: 'x', after: 'y' },
  ];
  const ref = { source: 'recant://a/1', action: 'a', attempt: 1 };
  const step = { step: 1, undoes: ref, agent: 'bot', tool: 'reprice' };
  const many = Array.from({ length: 60 }, (_, n) => guards(100 + n, 'e', 'e')).flat();
  const body = {
    steps: [
      {
        ...step,
        systems: [{ guards: [...many, ...guards(1, null, 'e'), ...guards(2, 'e', null), ...guards(3, 'e', 'e')] }],
        stays: [row(4)],
        overwrites: [{ resource: row(3), part: 'price', detail: "price is '7' now, the agent set '1'; written later by support." }],
      },
      { ...step, step: 2, systems: [{ guards: guards(500, 'e', 'e') }] },
    ],
    conflicts: [{ kind: 'drift', ref, agent: 'bot', tool: 'reprice', resource: row(5), detail: 'changed since' }],
  } as never;
  const { rows, counts } = pagesOf(body, { under: 'postgres://shop/public.orders/', limit: 500 });
  expect(rows).toHaveLength(66);
  expect(rows.slice(0, 6).map(({ resource, fate }) => [resource, fate])).toEqual([
    [row(4), 'stays'],
    [row(5), 'stays'],
    [row(3), 'overwrites'],
    [row(1), 'removed'],
    [row(2), 'comes_back'],
    [row(100), 'restored'],
  ]);
  expect(rows[2]?.detail).toContain("price is '7' now");
  expect(rows[2]?.overwrites).toMatchObject([{ part: 'price' }]);
  for (const limit of [1, 2, 7, 65, 66, 67])
    expect(pagesOf(body, { limit }), String(limit)).toEqual({ rows, counts, pages: Math.ceil(66 / limit) });
  expect(pagesOf(body, { step: 2, limit: 9 }).rows.map(({ resource }) => resource)).toEqual([row(500)]);
  expect(pagesOf(body, { fate: 'overwrites', limit: 9 })).toMatchObject({ rows: [{ resource: row(3) }], counts: { overwrites: 1 } });
  expect(pagesOf(body, { under: 'postgres://shop/public.refunds/', limit: 9 }).rows).toEqual([]);
});
