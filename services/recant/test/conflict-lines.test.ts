import type { PlanStepView } from '@recant/api';
import { expect, test } from 'vitest';
import { conflictLines, stepText } from '../src/render/plan.ts';

const ref = (action: string) => ({ source: 'recant://a/1', action, attempt: 1 });
// UUIDv7 of 2026-03-01T12:00:00Z and a minute later.
const NOON = '019ca945-0a00-7000-8000-000000000000';
const LATER = '019ca945-f460-7000-8000-000000000000';

test('a conflict names the resource, the parts, the later agent, its tool and the time', () => {
  const conflict = {
    kind: 'later_write' as const,
    ref: ref(NOON),
    agent: 'pricing-bot',
    tool: 'cancel_order',
    resource: 'postgres://shop/public.orders/7',
  };
  const by = { ref: ref(LATER), agent: 'support-bot', tool: 'ship_order' };
  expect(
    conflictLines([
      { ...conflict, part: 'status', by, detail: '' },
      { ...conflict, part: 'note', by, detail: '' },
    ]),
  ).toEqual([
    "shop orders 7: `status`, `note` were written later by support-bot (tool ship_order) at 2026-03-01 12:01:00 UTC; undoing pricing-bot's cancel_order (2026-03-01 12:00:00 UTC) would overwrite that",
  ]);
});

test('an overwritten attempt names the attempt that is not undone; an open attempt says so', () => {
  const attempt = { ref: ref(NOON), agent: 'pricing-bot', tool: 'cancel_order' };
  const by = { ref: ref(LATER), agent: 'pricing-bot', tool: 'cancel_order' };
  expect(
    conflictLines([
      { kind: 'later_write', ...attempt, by, detail: '' },
      { kind: 'open', ...attempt, detail: 'It has not settled: it may still have effects.' },
    ]),
  ).toEqual([
    "pricing-bot's cancel_order (2026-03-01 12:00:00 UTC): pricing-bot's cancel_order (2026-03-01 12:01:00 UTC) wrote the same parts later and is not undone",
    "pricing-bot's cancel_order (2026-03-01 12:00:00 UTC): It has not settled: it may still have effects",
  ]);
});

test('a step says what changes on which resource', () => {
  const resource = 'postgres://shop/public.refunds/7';
  const step = (fate: PlanStepView['changes'][number]['fate'], ...parts: string[]) => ({
    ...{ step: 1, undoes: ref(NOON), agent: 'a', tool: 't', grade: 'attested' as const, after: [] },
    systems: [{ system: 'shop', connector: 'postgres', effects: 1, resources: 1 }],
    changes: [{ fate, parts, rows: 1, resources: [resource] }],
  });
  expect(stepText(step('removed'))).toBe('shop refunds 7: deleted (was created)');
  expect(stepText(step('comes_back'))).toBe('shop refunds 7: recreated (was deleted)');
  expect(stepText(step('restored', 'cents'))).toBe('shop refunds 7: cents restored');
  expect(stepText(step('unchanged'))).toBe('shop refunds 7: no change');
  expect(stepText({ ...step('restored', 'cents'), stays: 2 })).toBe('shop refunds 7: cents restored. 2 rows in conflict stay');
});
