import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

let ledger: RunningLedger;
beforeAll(async () => {
  ledger = await startLedger();
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger.stop();
});

test('a source’s missing events are listed until they arrive, to its tenant only', async () => {
  const source = new TestSource('gappy');
  const [opened, one, held, two] = [source.opened(), source.intended().bytes, source.intended().bytes, source.intended().bytes];
  await ledger.agents.submitBatch([opened, one, two]);
  const whole = new TestSource('whole');
  await ledger.agents.submitBatch([whole.opened(), whole.intended().bytes]);

  const gaps = await ledger.operator.sources({ gaps: true, totals: true });
  expect(gaps.items).toMatchObject([
    {
      source: source.source,
      agent: 'gappy',
      state: 'open',
      leaseMs: 60_000,
      events: 3,
      last: 4,
      holes: 1,
      holesShown: [{ first: 3, last: 3 }],
      late: 0,
    },
  ]);
  expect(gaps.totals).toMatchObject({ sources: 2, lost: 0, holes: 1, missing: 1 });

  const other = await ledger.makeKey({ tenant: 'other', roles: ['view'] });
  expect(await ledger.client(other.apiKey).sources({ totals: true })).toMatchObject({ items: [], totals: { sources: 0, missing: 0 } });
  await expect(ledger.agents.sources()).rejects.toMatchObject({ status: 403, code: 'role_missing' });
  await expect(ledger.operator.sources({}, { cursor: 'x' })).rejects.toMatchObject({ code: 'cursor_invalid' });

  await ledger.agents.submitBatch([held]);
  expect((await ledger.operator.sources({ gaps: true })).items).toMatchObject([{ holes: 0, missing: 0, late: 1, events: 4 }]);
  const first = await ledger.operator.sources({}, { limit: 1 });
  const second = await ledger.operator.sources({}, { limit: 1, cursor: first.next as string });
  expect([...first.items, ...second.items].map(({ agent }) => agent)).toEqual(['whole', 'gappy']);
});
