import { randomBytes } from 'node:crypto';
import { testLedgerDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

let database: Awaited<ReturnType<typeof testLedgerDatabase>>;
let ledger: RunningLedger;
let admin: pg.Client;
const masterKey = randomBytes(32);
beforeAll(async () => {
  database = await testLedgerDatabase();
  ledger = await startLedger({ databaseUrl: database.url, masterKey });
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
});
afterAll(async () => {
  await ledger.stop();
  await admin.end();
  await database.drop();
});

const KILL =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'recant'";
const COUNT = 'SELECT count(*)::int AS n FROM recant.entry e JOIN recant.source s USING (tenant_id, source_no) WHERE s.agent = $1';

test('I4: killed database sessions are a 503 and a new session; every acknowledged event is recorded once', async () => {
  let done = false;
  const statuses = new Set<number>();
  let acknowledged = 0;
  const senders = Array.from({ length: 8 }, async () => {
    const source = new TestSource('killed');
    while (!done) {
      const { bytes } = source.intended();
      for (let status = 0; status !== 200 && status !== 201; ) {
        status = (await ledger.post(bytes)).status;
        statuses.add(status);
      }
      acknowledged += 1;
    }
  });
  for (let kill = 0; kill < 30; kill += 1) {
    const before = acknowledged;
    await admin.query(KILL);
    await waitUntil(() => acknowledged > before);
  }
  done = true;
  await Promise.all(senders);
  expect(
    [...statuses].filter((status) => ![200, 201, 503].includes(status)),
    faults(),
  ).toEqual([]);
  expect((await admin.query(COUNT, ['killed'])).rows[0].n).toBe(acknowledged);
  expect(await ledger.audit()).toEqual([]);
});

test('I4: a log that another session has locked fails its own appends in bounded time, and no other tenant’s', async () => {
  const other = (await ledger.makeKey({ tenant: 'other' })).apiKey;
  const locked = new TestSource('locked');
  const second = new TestSource('locked');
  expect((await ledger.post(second.opened())).status).toBe(201);
  const free = new TestSource('free');
  expect((await ledger.post(locked.opened())).status).toBe(201);
  expect((await ledger.post(free.opened(), { key: other })).status).toBe(201);
  await admin.query('BEGIN');
  await admin.query("SELECT FROM recant.log WHERE tenant_id = 'acme' FOR UPDATE");
  const { bytes } = locked.intended();
  const answers = await Promise.all([
    ledger.post(bytes),
    ledger.post(second.intended().bytes),
    ledger.post(free.intended().bytes, { key: other }),
    ledger.post(free.intended().bytes, { key: other }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 201, 201]);
  await admin.query('ROLLBACK');
  expect((await ledger.post(bytes)).status).toBe(201);
});

/** Errors that the service logged. */
function faults(): string {
  return JSON.stringify(ledger.log.filter(({ level }) => Number(level) >= 50).slice(0, 3));
}
