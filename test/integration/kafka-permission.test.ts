import { randomUUID } from 'node:crypto';
import { createRecant, type Recant, type RecantError } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import { testKafka, waitUntil } from '@recant/test-support';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';

/** Agents that send their events over a real broker and ask the ledger over HTTP for their leases and about fences. */
let ledger: RunningLedger;
let kafka: Awaited<ReturnType<typeof testKafka>>;
const recorders: Recant[] = [];
beforeAll(async () => {
  kafka = await testKafka({ partitions: SHARDS });
  ledger = await startLedger({ kafka: { ...kafka, groupId: `test-${randomUUID()}` }, leaseMs: 5_000, alarmMs: 50 });
}, 60_000);
afterEach(async () => {
  await Promise.all(recorders.splice(0).map((recant) => recant.close()));
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger.stop();
});

const operatorOf = async () => ledger.client((await ledger.makeKey({ roles: ['view', 'administer', 'execute'], agents: [] })).apiKey);
const row = (n: number): string => `postgres://shop/public.orders/${n}`;

/** @param url empty: without the ledger's address */
async function agentOf(agent: string, url = ledger.url) {
  const problems: string[] = [];
  const transport = kafkaTransport({
    ...{ ...kafka, apiKey: ledger.agentKey, tenant: TENANT, shards: SHARDS },
    ...(url !== '' && { url }),
  });
  const recant = createRecant({ agent, transport, onProblem: ({ code }) => void problems.push(code) });
  recorders.push(recant);
  await recant.open();
  const startedMs: number[] = [];
  return {
    problems,
    startedMs,
    /** @returns `ran`, or the code of the error */
    call: (tool: string, resource: string): Promise<string> =>
      recant
        .action(tool, {}, () => void startedMs.push(Date.now()), { resources: [resource], reversibility: 'compensable' })
        .then(
          () => 'ran',
          (error: RecantError) => error.code,
        ),
  };
}
const outcomesOf = async (agent: string): Promise<(string | undefined)[]> =>
  (await ledger.operator.attempts({ agent: [agent] })).items.map(({ status }) => status);

test('I11: over Kafka: a frozen agent starts no tool after the freeze is effective, its denied attempts are recorded, and a thaw ends it', async () => {
  const operator = await operatorOf();
  const [streamer, other] = [await agentOf('streamer'), await agentOf('other')];
  expect([await streamer.call('touch', row(1)), await other.call('touch', row(1))]).toEqual(['ran', 'ran']);
  let going = true;
  const acting = (async () => {
    while (going) if ((await streamer.call('touch', row(1))) === 'frozen') going = false;
  })();
  const frozen = await operator.freeze({ scope: 'agent', value: 'streamer', reason: 'incident 4711' });
  // Both recorders have leases: nothing of them is out of reach.
  expect(frozen).toMatchObject({ effectiveAt: expect.any(String), waiting: { count: 0 }, unleased: { count: 0 } });
  await acting;
  expect(streamer.startedMs.filter((at) => at > Date.parse(frozen.effectiveAt ?? ''))).toEqual([]);
  expect(await other.call('touch', row(1))).toBe('ran');
  await waitUntil(async () => (await outcomesOf('streamer')).includes('denied'));
  await operator.thaw(frozen.freeze, 'fixed');
  await waitUntil(async () => (await streamer.call('touch', row(1))) === 'ran');
});

test('over Kafka: a fenced call is refused before its tool runs, an allow lets exactly one through, a differing call passes', async () => {
  const operator = await operatorOf();
  const agents = await Promise.all([1, 2, 3].map((n) => agentOf(`fenced-${n}`)));
  const all = async (tool: string, resource: string) => (await Promise.all(agents.map(({ call }) => call(tool, resource)))).sort();
  expect(await all('set_price', row(7))).toEqual(['ran', 'ran', 'ran']);
  const { fence } = await operator.fence({ tool: 'set_price', resources: [row(7)], reason: 'undone in run 7', expires: '1h' });
  // Recorders learn of a fence with their leases.
  await waitUntil(async () => (await all('set_price', row(7))).every((ended) => ended === 'fenced'));
  const before = agents.flatMap(({ startedMs }) => startedMs).length;
  expect(await all('set_price', row(7))).toEqual(['fenced', 'fenced', 'fenced']);
  expect(agents.flatMap(({ startedMs }) => startedMs).length).toBe(before);
  expect(await all('set_price', row(8))).toEqual(['ran', 'ran', 'ran']);
  expect(await all('get_price', row(7))).toEqual(['ran', 'ran', 'ran']);

  await operator.allowFenced(fence, 'checked with ann');
  expect(await all('set_price', row(7))).toEqual(['fenced', 'fenced', 'ran']);
  expect(await all('set_price', row(7))).toEqual(['fenced', 'fenced', 'fenced']);
  await waitUntil(async () => (await outcomesOf('fenced-1')).includes('denied'));
  await operator.endFence(fence, 'fixed');
  await waitUntil(async () => (await all('set_price', row(7))).every((ended) => ended === 'ran'));
});

test('over Kafka without the ledger’s address nothing stops an agent: it says so itself, and a freeze names its source', async () => {
  const operator = await operatorOf();
  const deaf = await agentOf('deaf', '');
  expect(await deaf.call('touch', row(1))).toBe('ran');
  expect(deaf.problems).toEqual(['freeze_unavailable']);
  await waitUntil(async () => (await outcomesOf('deaf')).length > 0);
  await waitUntil(async () => {
    const { freeze, unleased } = await operator.freeze({ scope: 'agent', value: 'deaf', reason: 'no lease' });
    await operator.thaw(freeze, 'look again');
    return unleased.count === 1;
  });
});
