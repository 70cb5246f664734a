import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { printRun } from '../src/cli/print-run.ts';

test('after Ctrl-C the notice that the run continues is printed last', async () => {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  const account = { selected: 1, outcomes: {}, left: {}, open: 1, residue: [], tainted: 0, verdict: 'not_restored', unverified: {} };
  const run = {
    id: 'r',
    plan: 'p',
    state: 'running',
    approvals: [],
    tainted: [],
    waits: [],
    account,
  };
  const nothing = async () => ({ items: [] });
  const client = { planConflicts: nothing, planLeft: nothing, planTainted: nothing, runSteps: nothing };
  const session = { json: false, paint: (_: unknown, text: string) => text, client };
  await printRun({ out: stream, err: stream } as never, session as never, run as never, false);
  expect(written.at(-1)).toBe('Run r continues in the service. Next: recant status r --wait\n');
  expect(written).toHaveLength(2);
});
