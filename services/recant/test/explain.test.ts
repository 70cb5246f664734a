import { expect, test } from 'vitest';
import { causesOf } from '../src/render/conflict-causes.ts';
import { rowsText, rowsUnder } from '../src/render/explain-rows.ts';

const plain = (_style: unknown, text: string): string => text;
const ref = (action: string) => ({ source: 'recant://a/1', action, attempt: 1 });
// UUIDv7 of 2026-03-01T12:00:00Z and a minute later.
const NOON = '019ca945-0a00-7000-8000-000000000000';
const LATER = '019ca945-f460-7000-8000-000000000000';

test('many harmless conflicts hide none that is worse: each kind has a line before the most frequent ones', () => {
  const conflict = (kind: string, tool: string) => ({
    kind,
    ref: ref(NOON),
    agent: 'bot',
    tool: 'write',
    by: { ref: ref(LATER), agent: 'other', tool },
    detail: '',
  });
  const many = Array.from({ length: 300 }, (_, n) => conflict('later_write', `tool-${n % 100}`));
  const { by: _by, ...mail } = conflict('irreversible', '');
  const causes = causesOf([...many, conflict('later_write', 'tool-7'), conflict('drift', 'x'), mail] as never);
  expect(causes).toHaveLength(102);
  expect(causes.slice(0, 3)).toMatchObject([{ kind: 'irreversible' }, { kind: 'later_write', by: { tool: 'tool-7' } }, { kind: 'drift' }]);
});

test('rows of a table one by one: what stays and what others lose come first, whatever the number of the others', () => {
  const row = (id: number): string => `postgres://shop/public.orders/${id}`;
  const guards = (id: number, before: string | null, after: string | null) => [
    { resource: row(id), part: 'exists', before, after },
    { resource: row(id), part: 'price', before: 'x', after: 'y' },
  ];
  const step = { step: 1, agent: 'bot', tool: 'reprice' };
  const body = {
    steps: [
      {
        ...step,
        systems: [
          {
            guards: [
              ...Array.from({ length: 60 }, (_, n) => guards(100 + n, 'e', 'e')).flat(),
              ...guards(1, null, 'e'),
              ...guards(2, 'e', null),
              ...guards(3, 'e', 'e'),
            ],
          },
        ],
        stays: [row(4)],
        overwrites: [{ resource: row(3), part: 'price', detail: "price is '7' now, the agent set '1'; written later by support." }],
      },
    ],
    conflicts: [{ kind: 'drift', ref: ref(NOON), agent: 'bot', tool: 'reprice', resource: row(5), detail: 'changed since' }],
  } as never;
  const rows = rowsUnder(body, 'shop orders');
  expect(rows.slice(0, 6).map(({ resource, fate }) => [resource, fate])).toEqual([
    [row(4), 'stays'],
    [row(5), 'stays'],
    [row(3), 'overwrites'],
    [row(1), 'is removed'],
    [row(2), 'comes back'],
    [row(100), 'is restored'],
  ]);
  expect(rowsUnder(body, 'postgres://shop/public.orders/')).toEqual(rows);
  expect(rowsUnder(body, 'shop refunds')).toEqual([]);
  const text = rowsText(rows, 3, plain);
  expect(text).toContain('65 rows and files: 2 stays, 1 overwrites, 1 is removed, 1 comes back, 60 is restored.');
  expect(text).toContain("price is '7' now");
  expect(text).toContain('and 62 more');
});
