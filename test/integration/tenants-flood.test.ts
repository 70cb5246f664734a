import { ApiError, type Client } from '@recant/client';
import { createByteBudget } from '@recant/queues';
import { RATES_DEFAULT } from '@recant/service';
import { waitUntil } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { type RunningLedger, startLedger, TENANT } from '../../services/ledger/test/harness.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';

let ledger: RunningLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
});

/** Connections of the flood; together their bodies exceed every limit of one tenant. */
const FLOOD_CONNECTIONS = 16;
const FLOOD_EVENTS = 50;

/**
 * Repeats the same full batch over many connections until it is stopped. A refused connection retries when another one was answered, which
 * is before its Retry-After.
 */
function flood(client: Client) {
  const refusals = new Map<string, number>();
  const seen = { taken: 0 };
  const stopped = Promise.withResolvers<void>();
  let on = true;
  let answered = Promise.withResolvers<void>();
  const source = new TestSource();
  const batch = Array.from({ length: FLOOD_EVENTS }, () => source.intended({ arguments: { inline: { text: 'x'.repeat(500) } } }).bytes);
  const send = async (): Promise<void> => {
    while (on) {
      try {
        await client.submitBatch(batch);
        seen.taken += 1;
        answered.resolve();
        answered = Promise.withResolvers();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        expect(error.retryAfterSeconds).toBeGreaterThan(0);
        refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1);
        await Promise.race([answered.promise, stopped.promise]);
      }
    }
  };
  const all = Array.from({ length: FLOOD_CONNECTIONS }, send);
  return {
    refusals,
    seen,
    async stop() {
      on = false;
      stopped.resolve();
      await Promise.all(all);
    },
  };
}

test('I10: during a flood of one tenant, single events of another tenant and the operators of both are answered and not refused', async () => {
  const budget = createByteBudget(1_048_576, 131_072);
  const groupCommit = { waitingBytesMax: 524_288, waitingBytesReserved: 65_536 };
  ledger = await startLedger({ rates: { key: OPEN, tenant: OPEN }, budget, groupCommit });
  const other = ledger.client((await ledger.makeKey({ tenant: 'globex' })).apiKey);
  const otherOperator = ledger.client((await ledger.makeKey({ tenant: 'globex', roles: ['view', 'administer'], agents: [] })).apiKey);
  const flooding = flood(ledger.agents);
  // The flooding tenant has reached its limit and is refused more.
  await waitUntil(() => flooding.refusals.has('overloaded') && flooding.seen.taken > 0);
  const source = new TestSource();
  for (let n = 0; n < 5; n++) {
    expect((await other.submitEvent(source.intended().bytes)).kind).toBe('appended');
    const [mine, theirs] = await Promise.all([ledger.operator.attempts({ agent: ['pricing'] }, { limit: 1 }), otherOperator.logs()]);
    expect([mine.items.length, theirs.length]).toEqual([1, 1]);
  }
  const stopped = await ledger.operator.createKey({ roles: ['emit'], agents: ['x'], resources: [], sourcePrefix: 'recant://x' });
  await ledger.operator.revokeKey(stopped.keyId);
  await flooding.stop();
  expect(ledger.log.filter(({ level }) => (level as number) >= 50)).toEqual([]);
  expect([...flooding.refusals.keys()]).toEqual(['overloaded']);
  expect(await ledger.audit()).toEqual([]);
});

/** So slow that a spent budget does not refill during the test. */
const ALMOST_NONE = 0.000_1;
const OPEN = { requests: 0, events: 0, bytes: 0 };

test('a key over its rate is refused with Retry-After before its body is read, and no other caller is', async () => {
  ledger = await startLedger({ rates: { key: { ...OPEN, requests: ALMOST_NONE }, tenant: OPEN } });
  const source = new TestSource();
  const second = (await ledger.makeKey()).apiKey;
  expect((await ledger.post(source.intended().bytes)).status).toBe(201);
  const refused = await ledger.post('not JSON');
  expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited', retry: 'after' } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_000);
  expect((await ledger.post(source.intended().bytes, { key: second })).status).toBe(201);
});

test.each(['events', 'bytes'] as const)(
  'over its rate of %s a tenant’s agents are refused, and its operators and other tenants are not',
  async (kind) => {
    ledger = await startLedger({ rates: { key: OPEN, tenant: { ...OPEN, [kind]: ALMOST_NONE } } });
    const source = new TestSource();
    const others = (await ledger.makeKey({ tenant: 'globex' })).apiKey;
    const second = (await ledger.makeKey()).apiKey;
    expect((await ledger.post(source.intended().bytes)).status).toBe(201);
    for (const key of [ledger.agentKey, second])
      expect(await ledger.post(source.intended().bytes, { key })).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect((await ledger.post(source.intended().bytes, { key: others })).status).toBe(201);
    const made = await ledger.operator.createKey({ roles: ['view'], agents: [], resources: [], sourcePrefix: 'recant://' });
    expect((await ledger.operator.keys()).map(({ keyId }) => keyId)).toContain(made.keyId);
    const { items } = await ledger.operator.attempts({});
    expect(items).toHaveLength(1);
  },
);

test('the default rates exceed the throughput of the ledger, and a tenant has more than a key', () => {
  for (const kind of ['requests', 'events', 'bytes'] as const) expect(RATES_DEFAULT.tenant[kind]).toBeGreaterThan(RATES_DEFAULT.key[kind]);
  expect(RATES_DEFAULT.key.events).toBeGreaterThanOrEqual(50_000);
  expect(TENANT).not.toBe('globex');
});
