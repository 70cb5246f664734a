import { randomBytes } from 'node:crypto';
import type { ApiError } from '@recant/client';
import { callKey } from '@recant/events';
import { testLedgerDatabase, waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgents } from './fence-agents.ts';
import { type RunningLedger, startLedger } from './harness.ts';
import { newAction, submitAll, TestSource } from './producer.ts';

/** Replicas of the ledger on one database. */
const replicas: RunningLedger[] = [];
let database: Awaited<ReturnType<typeof testLedgerDatabase>>;
const processes: AgentProcess[] = [];
beforeAll(async () => {
  database = await testLedgerDatabase();
  const masterKey = randomBytes(32);
  for (let n = 0; n < 3; n++) replicas.push(await startLedger({ databaseUrl: database.url, masterKey, leaseMs: 60_000 }));
}, 60_000);
afterAll(async () => {
  for (const one of processes) one.stop();
  expect(await replicas[0]?.audit()).toEqual([]);
  for (const replica of replicas) await replica.stop();
  await database.drop();
});

const ledger = () => replicas[0] as RunningLedger;
const operatorOf = async (tenant = 'acme') =>
  ledger().client((await ledger().makeKey({ tenant, roles: ['view', 'administer', 'execute'], agents: [] })).apiKey);
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: ApiError) => error.problem.code,
  );
/** How many calls ended how. */
function tally(ended: readonly (readonly string[])[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of ended.flat()) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}
const row = (n: number): string => `postgres://shop/public.orders/${n}`;

/** 80 agents that send their intents themselves, one request each, all at once. */
async function bareAgents(): Promise<(tool: string, resource: string) => Promise<readonly string[]>> {
  const sources = Array.from({ length: 80 }, (_, n) => new TestSource(`bare-${n}`));
  const clients = replicas.map((replica) => replica.client(ledger().agentKey));
  await submitAll(
    clients[0] as (typeof clients)[number],
    sources.map((source) => source.opened()),
  );
  return (tool, resource) =>
    Promise.all(
      sources.map(async (source, n) => {
        const { bytes } = source.intended({ tool, resources: [resource] });
        const [receipt] = (await clients[n % clients.length]?.submitBatch([bytes])) ?? [];
        return receipt?.kind === 'appended' ? 'ran' : (receipt?.code ?? 'lost');
      }),
    );
}

test('100 agents that repeat a fenced call over three replicas have no effect; an allow lets exactly one through; a differing call passes; expiry ends it', async () => {
  const operator = await operatorOf();
  const names = [0, 1].map((p) => Array.from({ length: 10 }, (_, n) => `agent-${p}-${n}`));
  const urls = replicas.map(({ url }) => url);
  processes.push(...(await Promise.all(names.map((agents) => startAgents(urls, ledger().agentKey, agents)))));
  const bare = await bareAgents();
  const all = (resource: string, price = 1) =>
    Promise.all([...processes.map((process) => process.call('set_price', { price }, [resource])), bare('set_price', resource)]);
  const { fence } = await operator.fence({ tool: 'set_price', resources: [row(1)], reason: 'undone in run 7', expires: '1h' });

  expect(tally(await all(row(1)))).toEqual({ fenced: 100 });
  expect(await operator.showFence(fence)).toMatchObject({ stopped: 100 });

  const allowed = await operator.allowFenced(fence, 'checked with ann');
  expect((await operator.allowFenced(fence, 'pressed twice')).allow).toEqual(allowed.allow);
  expect(tally(await all(row(1), 2))).toEqual({ ran: 1, fenced: 99 });
  expect(tally(await all(row(1)))).toEqual({ fenced: 100 });
  expect((await operator.showFence(fence)).allow).toMatchObject({ reason: 'checked with ann', used: { source: expect.any(String) } });

  expect(tally(await all(row(2)))).toEqual({ ran: 100 });
  const denied = await operator.attempts({ tool: ['set_price'], outcome: ['denied'] }, { limit: 1 });
  const [attempt] = (await operator.action(denied.items[0]?.action ?? '')).attempts;
  expect(attempt?.events.at(-1)?.event.data).toMatchObject({ outcome: 'denied', error: { code: 'fenced' } });

  await operator.fence({ tool: 'set_price', resources: [row(3)], reason: 'for a moment', expires: '1s' });
  await waitUntil(async () => tally(await all(row(3))).ran === 100);
  for (const one of processes.splice(0)) one.stop();
}, 180_000);

test('a producer without the SDK is refused, with the entry of its intent; the same bytes get the same answer, before and after an allow', async () => {
  const operator = await operatorOf();
  const source = new TestSource('bare');
  const { agents } = ledger();
  await agents.submitEvent(source.opened());
  const call = { tool: 'delete_row', resources: [row(10), row(11)] };
  const before = source.intended(call);
  expect(await agents.submitEvent(before.bytes)).toMatchObject({ kind: 'appended' });
  const { fence } = await operator.fence({ action: before.action, reason: 'undone' });
  // The order of the resources, and the arguments, are no difference.
  const again = source.intended({ tool: 'delete_row', resources: [row(11), row(10), row(11)], arguments: { inline: { why: 'again' } } });
  const refused = await ledger().post(again.bytes);
  expect(refused).toMatchObject({ status: 409, body: { code: 'fenced', shard: expect.any(Number) } });
  const [receipt] = await agents.submitBatch([again.bytes]);
  expect(receipt).toMatchObject({ kind: 'refused', code: 'fenced', fence, index: refused.body.index });
  expect((await operator.action(again.action)).attempts[0]?.events).toHaveLength(1);
  expect(await agents.submitBatch([before.bytes])).toMatchObject([{ kind: 'duplicate' }]);

  await operator.allowFenced(fence, 'once');
  const [first, second, third] = [source.intended(call), source.intended(call), source.intended(call)];
  const receipts = await agents.submitBatch([again.bytes, first.bytes, second.bytes, second.bytes]);
  expect(receipts.map(({ kind, code }) => code ?? kind)).toEqual(['fenced', 'appended', 'fenced', 'fenced']);
  const other = replicas[1] as RunningLedger;
  expect(await other.client(ledger().agentKey).submitBatch([first.bytes, third.bytes])).toMatchObject([
    { kind: 'duplicate' },
    { code: 'fenced' },
  ]);
  await operator.endFence(fence, 'fixed');
  expect(await agents.submitBatch([source.intended(call).bytes])).toMatchObject([{ kind: 'appended' }]);
  const acts = (await operator.acts()).items.map(({ event }) => event.data).filter(({ outcome }) => outcome === 'done');
  expect(acts.filter(({ object }) => object.fence === fence).map(({ operation, reason }) => [operation, reason])).toEqual([
    ['endFence', 'fixed'],
    ['allowFenced', 'once'],
    ['setFence', 'undone'],
  ]);
});

test('a fence stops its call only: other agents, tenants, tools, arguments, reads and settlements pass', async () => {
  const operator = await operatorOf();
  const [mine, others] = [new TestSource('mine'), new TestSource('others')];
  const { agents } = ledger();
  const kinds = async (events: readonly Uint8Array[]) => (await submitAll(agents, events)).map(({ kind, code }) => code ?? kind);
  await submitAll(agents, [mine.opened(), others.opened()]);
  await operator.fence({ tool: 'move', resources: [row(20)], agent: 'mine', reason: 'only mine' });
  const move = { tool: 'move', resources: [row(20)] };
  expect(await kinds([mine.intended(move).bytes, others.intended(move).bytes])).toEqual(['fenced', 'appended']);
  const differing = [
    { ...move, tool: 'Move' },
    { ...move, resources: [row(21)] },
    { ...move, resources: [row(20), row(21)] },
    { ...move, resources: [] },
    { ...move, reversibility: 'read' },
  ] as const;
  expect(await kinds(differing.map((call) => mine.intended(call).bytes))).toEqual(differing.map(() => 'appended'));

  const bare = mine.intended({ tool: 'restart', arguments: { inline: { host: 'a' } } });
  await agents.submitBatch([bare.bytes]);
  await operator.fence({ action: bare.action, reason: 'by its arguments' });
  const hosts = ['a', 'b'].map((host) => others.intended({ tool: 'restart', arguments: { inline: { host } } }).bytes);
  expect(await kinds(hosts)).toEqual(['fenced', 'appended']);

  const globex = ledger().client((await ledger().makeKey({ tenant: 'globex' })).apiKey);
  const foreign = new TestSource('mine');
  expect(await globex.submitBatch([foreign.opened(), foreign.intended(move).bytes])).toMatchObject([
    { kind: 'appended' },
    { kind: 'appended' },
  ]);
  expect((await (await operatorOf('globex')).fences()).items).toEqual([]);
});

test('a recorder over Kafka learns the keys of fenced calls with its lease, and asks: the same question gets the same answer', async () => {
  const operator = await operatorOf();
  const { agents } = ledger();
  const source = 'recant://streamer/1';
  const call = callKey({ tool: 'stream', resources: [row(30)], arguments: { inline: {} } }) as string;
  const lease = (applied: number) => agents.lease({ source, agent: 'streamer', applied, fences: true });
  const { fence } = await operator.fence({ tool: 'stream', resources: [row(30)], reason: 'undone' });
  const first = await lease(0);
  expect(first).toMatchObject({ granted: false, fences: expect.arrayContaining([call.slice(0, 16)]) });
  const second = await lease(first.version);
  expect([second.granted, second.fences]).toEqual([true, undefined]);

  const [a, b] = [newAction(), newAction()];
  const ask = (action: string) => agents.askFence({ source, agent: 'streamer', action, attempt: 1, call });
  expect(await ask(a)).toMatchObject({ fenced: true, fence, detail: expect.stringContaining('undone') });
  await operator.allowFenced(fence, 'once');
  expect([await ask(a), await ask(b), await ask(b), await ask(newAction())].map(({ fenced }) => fenced)).toEqual([
    true,
    false,
    false,
    true,
  ]);
  const changed = await lease(second.version);
  expect(changed.fences).toBeUndefined();
  await operator.endFence(fence, 'fixed');
  expect((await lease(second.version)).fences).not.toContain(call.slice(0, 16));
});

test('bad input: no call, an unknown action, one without an intent, sealed arguments, hostile names, an ended fence, too many fences', async () => {
  const operator = await operatorOf();
  const { agents } = ledger();
  const source = new TestSource('odd');
  const sealed = source.intended({
    arguments: { part: { digest: 'a'.repeat(64), salt: randomBytes(16).toString('base64url'), size: 9_000 } },
  });
  const withoutIntent = newAction();
  await agents.submitBatch([source.opened(), sealed.bytes, source.settled(withoutIntent)]);
  const set = (fence: object) => codeOf(operator.fence({ reason: 'r', ...fence }));
  expect(await set({})).toBe('fence_call_invalid');
  expect(await set({ tool: 'x' })).toBe('fence_call_invalid');
  expect(await set({ tool: 'x\u0000', resources: [row(1)] })).toBe('request_invalid');
  expect(await set({ tool: '__proto__', resources: [row(1)] })).toBe('fence_call_invalid');
  expect(await set({ tool: 'x', resources: ['no uri'] })).toBe('fence_call_invalid');
  expect(await set({ tool: 'x'.repeat(257), resources: [row(1)] })).toBe('request_invalid');
  expect(await set({ tool: 'x', resources: Array.from({ length: 257 }, (_, n) => row(n)) })).toBe('request_invalid');
  expect(await set({ action: newAction(), tool: 'x', resources: [row(1)] })).toBe('fence_call_invalid');
  expect(await set({ action: newAction() })).toBe('action_unknown');
  expect(await set({ action: withoutIntent })).toBe('action_unknown');
  expect(await set({ action: sealed.action })).toBe('fence_call_unknown');
  expect(await set({ tool: 'x', resources: [row(1)], expires: 'tomorrow' })).toBe('time_invalid');
  const none = '00000000-0000-4000-8000-000000000000';
  expect(await codeOf(operator.showFence(none))).toBe('fence_unknown');
  expect(await codeOf(operator.allowFenced(none, 'r'))).toBe('fence_unknown');
  const { fence } = await operator.fence({ tool: 'é'.repeat(128), resources: Array.from({ length: 256 }, (_, n) => row(n)), reason: 'r' });
  expect(await operator.endFence(fence, 'r')).toMatchObject({ resourceCount: 256, ended: { reason: 'r' } });
  expect(await codeOf(operator.endFence(fence, 'r'))).toBe('fence_ended');
  expect(await codeOf(operator.allowFenced(fence, 'r'))).toBe('fence_ended');

  await ledger().store.pool.query(
    `INSERT INTO recant.fence (tenant_id, call_key, agent, tool, resources, resource_count, reason, set_by, set_at, expires_at)
     SELECT 'crowded', sha256(n::text::bytea), '', 't', '{}', 1, 'r', 'b', clock_timestamp(), clock_timestamp() + interval '1 hour' FROM generate_series(1, 10000) n`,
  );
  const crowded = await operatorOf('crowded');
  expect(await codeOf(crowded.fence({ tool: 'x', resources: [row(1)], reason: 'r' }))).toBe('fences_too_many');
});
