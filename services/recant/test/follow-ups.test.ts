import { expect, test } from 'vitest';
import { followUpsOf } from '../src/render/follow-ups.ts';

const step = (n: number, over: object = {}) => ({
  ...{ step: n, state: 'ended', outcome: 'restored', agent: 'bot', tool: 'reprice', findings: [], residue: [], ...over },
});
const run = (over: object) => ({
  ...{ id: 'r', plan: 'p', state: 'finished', stepList: [], conflicts: [], left: [], tainted: [] },
  account: { residue: [], unverified: {} },
  ...over,
});
const linesOf = (over: object, more: object = {}): readonly string[] => followUpsOf({ freezes: [], run: run(over), ...more } as never);
const row = (id: number) => ({ resource: `postgres://shop/public.orders/${id}` });

test('a residue of many steps is one follow-up with their number', () => {
  const derived = 'derived: public.orders.updated_at is left to the target';
  const stepList = [1, 2, 3].map((n) => step(n, { residue: n === 3 ? [derived, 'mail was sent'] : [derived] }));
  expect(linesOf({ stepList })).toEqual([`${derived} (3 steps)`, 'mail was sent']);
});

test('rows in conflict are named; of more than twenty the command that lists all', () => {
  const account = (rowsStay: number) => ({ residue: [], unverified: {}, rowsStay });
  expect(linesOf({ account: account(2) }, { stays: [row(7), row(9), row(7)] })).toEqual([
    '2 rows in conflict stay as they are: shop orders 7, 9',
  ]);
  const many = Array.from({ length: 30 }, (_, n) => row(n));
  const [line] = linesOf({ account: account(45) }, { stays: many });
  expect(line).toMatch(/^45 rows in conflict stay as they are: shop orders 0, 1, .*, 19 and 25 more: recant explain p --fate stays$/);
  expect(linesOf({ account: account(1) })).toEqual(['1 row in conflict stays as it is: recant explain p --fate stays']);
});

test('an attempt that somebody changed after the plan was made comes with the command that plans again', () => {
  const plan = { id: 'p', selected: "agent = 'bot'", body: {} };
  const late = step(1, { outcome: 'conflicted', findings: [{ code: 'drift', ...row(7), detail: 'changed' }] });
  const lines = linesOf({ stepList: [late, step(2)] }, { plan });
  expect(lines.at(-1)).toBe(
    '1 attempt changed by others after the plan was made. Plan again, so that only the rows in conflict of that attempt stay: recant rollback --where "agent = \'bot\'" --mode skip --partial',
  );
  const other = step(1, { outcome: 'conflicted', findings: [{ code: 'predecessor', detail: 'Step 4' }] });
  expect(linesOf({ stepList: [other] }, { plan }).join()).not.toContain('Plan again');
});
