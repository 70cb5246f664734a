import { expect, test } from 'vitest';
import { causesOf } from '../src/render/conflict-causes.ts';
import { rowsText } from '../src/render/explain-rows.ts';

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

test('rows one by one say what happens to each, with values before and after where they may be shown', () => {
  const row = { ref: ref(NOON), agent: 'bot', tool: 'reprice' };
  const text = rowsText(
    {
      items: [
        {
          ...row,
          ...{
            resource: 'postgres://shop/public.orders/4',
            fate: 'stays',
            detail: 'price of postgres://shop/public.orders/4 was changed by support.',
          },
          values: [{ part: 'price', before: "'9'", after: "'1'" }],
        },
        {
          ...row,
          ...{ resource: 'postgres://shop/public.orders/7', fate: 'restored', step: 1, detail: 'price' },
          values: [
            { part: 'price', before: "'9'", after: 'NULL' },
            { part: 'email', hidden: 'masked' },
            { part: 'note', after: "'x'" },
          ],
        },
      ],
      next: '2',
      counts: { stays: 1, restored: 60 },
    },
    plain,
  );
  expect(text).toContain('61 rows and files: 1 stays, 60 is restored.');
  expect(text).toContain('price of shop orders 4 was changed by support.');
  expect(text).toContain("price: the agent set '1' (before: '9')");
  // What the undo does, not what the agent did.
  expect(text).toContain("price: NULL -> '9'");
  expect(text).toContain('email: not shown: masked');
  expect(text).toContain("note: 'x' -> no row");
  expect(text).not.toContain('does nothing');
  expect(text).toContain('--cursor 2');
});
