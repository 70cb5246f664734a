import { randomUUID } from 'node:crypto';
import { createRecant, type RecantOptions } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import { testKafka, waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySystem } from '../../libs/sdk/test/systems.ts';
import { type RunningLedger, SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';

describe.each(['http', 'kafka'] as const)('the SDK and the ledger, over %s', (way) => {
  let ledger: RunningLedger;
  let transport: () => Partial<RecantOptions>;
  beforeAll(async () => {
    const kafka = way === 'kafka' ? await testKafka({ partitions: SHARDS }) : undefined;
    ledger = await startLedger(kafka === undefined ? {} : { kafka: { ...kafka, groupId: `test-${randomUUID()}` } });
    transport = () =>
      kafka === undefined
        ? { url: ledger.url, apiKey: ledger.agentKey }
        : { transport: kafkaTransport({ ...kafka, apiKey: ledger.agentKey, tenant: TENANT, shards: SHARDS }) };
  });
  afterAll(async () => {
    expect(await ledger.audit()).toEqual([]);
    await ledger.stop();
  });

  test('every action is recorded completely: large arguments, effects in chunks, failure, retry', async () => {
    const shop = memorySystem('shop');
    const recant = createRecant({ agent: 'bot', systems: [shop], session: 's', ...transport() });
    await recant.open();
    const first = await recant.action('fill', { text: 'x'.repeat(50_000) }, async (ctx) => {
      for (let n = 0; n < 2_000; n += 1) await ctx.on(shop).write(`k${n}`);
      return ctx;
    });
    const failure = new Error('sold out');
    const failed = await recant.action('fill', {}, () => Promise.reject(failure), { retryOf: first }).catch((error: Error) => error);
    const many = await Promise.all(Array.from({ length: 50 }, () => recant.action('touch', {}, (ctx) => ctx.action)));
    await recant.close();

    expect(failed).toBe(failure);
    const attempts = async () => (await ledger.operator.action(first.action)).attempts.toSorted((a, b) => a.attempt - b.attempt);
    await waitUntil(async () => (await attempts().catch(() => [])).at(-1)?.status === 'failed');
    expect(await attempts()).toMatchObject([
      { attempt: 1, status: 'succeeded', complete: true, effects: 2_000, tool: 'fill', session: 's', source: recant.source },
      { attempt: 2, status: 'failed', complete: true, effects: 0 },
    ]);
    for (const action of many) {
      await waitUntil(async () => (await ledger.operator.action(action).catch(() => undefined))?.attempts[0]?.status === 'succeeded');
    }
  });
});

test('a key that does not allow the agent opens no source, and no tool runs', async () => {
  const ledger = await startLedger();
  try {
    const { apiKey } = await ledger.makeKey({ agents: ['other'] });
    const recant = createRecant({ agent: 'bot', url: ledger.url, apiKey });
    await expect(recant.open()).rejects.toMatchObject({ code: 'refused', refusal: { code: 'agent_not_allowed' } });
    let ran = false;
    const action = recant.action('x', {}, () => {
      ran = true;
    });
    await expect(action).rejects.toMatchObject({ code: 'refused' });
    await recant.close();
    expect(ran).toBe(false);
    expect(await ledger.audit()).toEqual([]);
  } finally {
    await ledger.stop();
  }
});

test('an agent whose key is rotated while it runs continues under the next key: every action is recorded, and no number is missing', async () => {
  const ledger = await startLedger();
  try {
    let { apiKey, credential } = await ledger.makeKey();
    const problems: string[] = [];
    const recant = createRecant({
      agent: 'bot',
      url: ledger.url,
      apiKey: () => apiKey,
      onProblem: ({ code }) => void problems.push(code),
    });
    await recant.open();
    const tool = (count: number) => Array.from({ length: count }, () => recant.action('touch', {}, ({ action }) => action));
    const actions = await Promise.all(tool(20));
    const successor = await ledger.operator.rotateKey(credential.keyId, { overlap: '0' });
    const waiting = tool(20);
    await waitUntil(() => problems.length > 0);
    ({ apiKey } = successor);
    actions.push(...(await Promise.all(waiting)), ...(await Promise.all(tool(20))));
    await recant.close();
    expect(problems).toEqual(['key_refused']);
    const recorded = await Promise.all(actions.map(async (action) => (await ledger.operator.action(action)).attempts[0]));
    expect(recorded.every((attempt) => attempt?.status === 'succeeded')).toBe(true);
    expect(new Set(recorded.map((attempt) => attempt?.key))).toEqual(new Set([credential.keyId, successor.keyId]));
    const { items } = await ledger.operator.sources();
    expect(items.find(({ source }) => source === recant.source)).toMatchObject({ holes: 0, missing: 0, late: 0, state: 'closed' });
    expect(await ledger.audit()).toEqual([]);
  } finally {
    await ledger.stop();
  }
});
