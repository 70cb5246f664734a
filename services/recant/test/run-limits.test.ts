import { expect, test } from 'vitest';
import { rateOf } from '../src/cli/options.ts';
import { runText } from '../src/render/run.ts';

const plain = (_style: unknown, text: string): string => text;

test('a rate is a number of rows and files a second', () => {
  expect([rateOf(undefined), rateOf('1/s'), rateOf('200/s'), rateOf('1000000/s')]).toEqual([undefined, 1, 200, 1_000_000]);
  for (const text of ['', '0/s', '200', '200/m', '-1/s', '1.5/s', '1000001/s', '200/s ', '1e3/s'])
    expect(() => rateOf(text), text).toThrow(`--rate: expected a number from 1/s to 1000000/s, got ${JSON.stringify(text)}`);
});

test('a run that paused at its deadline says when, its rate, and how to go on', () => {
  const account = { selected: 2, outcomes: { restored: 1 }, left: {}, open: 1, residue: [], verdict: 'partly_restored', unverified: {} };
  const detail = 'The run paused at its deadline, 2026-03-01T12:00:00.000Z: resume it, which lifts the deadline, or cancel the rest.';
  const run = {
    ...{ id: 'r', plan: 'p', state: 'paused', approvals: [], tainted: [], stepList: [], left: [], conflicts: [], account },
    waits: [{ for: 'person', code: 'deadline_passed', detail }],
    limits: { deadline: '2026-03-01T12:00:00.000Z', rowsPerSecond: 200 },
  };
  const text = runText(run as never, plain);
  expect(text).toContain(`Waits: ${detail}\n`);
  expect(text).toContain('Limits: pauses at 2026-03-01 12:00:00 UTC, changes at most 200 rows and files a second.\n');
  expect(text).toContain('Next: recant status r --do resume');
  expect(runText({ ...run, limits: undefined } as never, plain)).not.toContain('Limits');
});
