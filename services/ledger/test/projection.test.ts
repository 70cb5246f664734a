import { testLedgerDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

let ledger: RunningLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
});

test('the service completes read models by itself, also of what others appended', async () => {
  await using database = await testLedgerDatabase();
  ledger = await startLedger({ databaseUrl: database.url });
  const { store } = ledger;
  const complete = async () => (await store.measures()).unprojected.entries === 0;
  const source = new TestSource();
  await ledger.agents.submitBatch(source.attempt(['postgres://shop/public.orders/1']).events);
  await waitUntil(complete);
  const other = await startLedger({ databaseUrl: database.url, projectMs: 0 });
  const { credential } = await other.makeKey();
  await other.store.appender.append(
    source.attempt(['postgres://shop/public.orders/2']).events.map((event) => ({ credential, bytes: event, origin: 'http' })),
  );
  await waitUntil(complete);
  await other.stop();
  const { rows } = await store.pool.query('SELECT count(*)::int AS n FROM recant.attempt');
  expect(rows).toEqual([{ n: 2 }]);
  expect(await ledger.audit()).toEqual([]);
});

test('an entry that read models cannot pass is a 503, degraded health and an alarm, until it can; recording goes on', async () => {
  await using database = await testLedgerDatabase();
  ledger = await startLedger({ databaseUrl: database.url, alarmMs: 100 });
  const { operator, agents, owner } = ledger;
  const alter = async (sql: string) => {
    const client = new pg.Client({ connectionString: database.ownerUrl });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await alter("ALTER TABLE recant.attempt ADD CONSTRAINT no_poison CHECK (tool <> 'poison')");
  const source = new TestSource();
  await agents.submitEvent(source.intended({ tool: 'poison' }).bytes);
  const { apiKey } = await ledger.makeKey({ roles: ['view'], agents: [] });
  // Without the client, which would ask again.
  const refused = await fetch(`${ledger.url}/v1/attempts`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
  expect(await refused.json()).toMatchObject({ code: 'projection_behind', detail: expect.stringContaining('stopped at entry 1') });
  await agents.submitEvent(source.intended().bytes);
  const codesOf = async () => (await operator.alarms({ open: true })).items.map(({ code }) => code);
  await waitUntil(async () => (await codesOf()).includes('projection_stopped'));
  expect((await owner.healthDetails()).checks?.['projection']).toMatchObject({
    status: 'degraded',
    detail: expect.stringContaining('Entry 1 of log'),
  });
  await alter('ALTER TABLE recant.attempt DROP CONSTRAINT no_poison');
  await waitUntil(async () => !(await codesOf()).includes('projection_stopped'), { timeoutMs: 30_000 });
  expect((await operator.attempts({})).items).toHaveLength(2);
  expect(await ledger.audit()).toEqual([]);
});
