import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ApiError } from '@recant/client';
import { createRecant, type Recant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

let ledger: RunningLedger;
const recorders: Recant[] = [];
const children: ChildProcess[] = [];
beforeAll(async () => {
  ledger = await startLedger({ leaseMs: 2_000, alarmMs: 50 });
}, 60_000);
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(recorders.splice(0).map((recant) => recant.close()));
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger?.stop();
});

const operatorOf = async () => ledger.client((await ledger.makeKey({ roles: ['view', 'administer', 'execute'], agents: [] })).apiKey);
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: ApiError) => error.problem.code,
  );

/** An agent that acts without a pause, and notes when each tool started. */
async function busyAgent(agent: string) {
  const recant = createRecant({ url: ledger.url, apiKey: ledger.agentKey, agent, onProblem: () => {} });
  recorders.push(recant);
  await recant.open();
  const startedMs: number[] = [];
  let isFrozen = false;
  const act = () => recant.action('touch', {}, () => startedMs.push(Date.now()));
  const loop = (async () => {
    while (!isFrozen)
      isFrozen = await act().then(
        () => false,
        (error: { code: string }) => ['frozen', 'closed'].includes(error.code),
      );
  })();
  return { startedMs, loop, act };
}

test('I11: no tool of a frozen agent starts after the freeze is effective; other agents go on; a thaw ends it', async () => {
  const operator = await operatorOf();
  const [bad, good] = [await Promise.all([1, 2, 3, 4].map(() => busyAgent('bad'))), await busyAgent('good')];
  await waitUntil(() => [...bad, good].every(({ startedMs }) => startedMs.length > 0));
  const frozen = await operator.freeze({ scope: 'agent', value: 'bad', reason: 'incident 4711' });
  expect(frozen).toMatchObject({ effectiveAt: expect.any(String), waiting: { count: 0 }, unleased: { count: 0 } });
  await Promise.all(bad.map(({ loop }) => loop));
  expect(bad.flatMap(({ startedMs }) => startedMs).filter((at) => at > Date.parse(frozen.effectiveAt ?? ''))).toEqual([]);
  const before = good.startedMs.length;
  await waitUntil(() => good.startedMs.length > before);

  const acts = (await operator.acts()).items.map(({ event }) => event.data);
  expect(acts).toContainEqual(
    expect.objectContaining({
      operation: 'orderFreeze',
      object: { freeze: frozen.freeze, scope: 'agent', value: 'bad' },
      reason: 'incident 4711',
      outcome: 'done',
      detail: { orderedAt: frozen.orderedAt, effectiveAt: frozen.effectiveAt },
    }),
  );
  await operator.thaw(frozen.freeze, 'fixed');
  await waitUntil(
    () =>
      bad[0]?.act().then(
        () => true,
        () => false,
      ) ?? false,
  );
  await operator.freeze({ scope: 'agent', value: 'good', reason: 'end of the test' });
  await good.loop;
});

test('I11: a stopped process delays a freeze by no more than its lease, and starts nothing when it goes on', async () => {
  const operator = await operatorOf();
  const script = `
    import { createRecant } from '@recant/sdk';
    const recant = createRecant({ url: process.env.URL, apiKey: process.env.KEY, agent: 'stopped', onProblem: () => {} });
    for (;;) {
      const code = await recant.action('touch', {}, () => void console.log(Date.now())).then(() => '', (error) => error.code);
      if (code === 'frozen') { console.log('frozen'); break; }
    }
    await recant.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    env: { ...process.env, URL: ledger.url, KEY: ledger.agentKey },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  await waitUntil(() => lines.length > 0);
  child.kill('SIGSTOP');
  const frozen = await operator.freeze({ scope: 'session', value: 'no such session', reason: 'waits for every recorder' });
  expect(frozen.waiting.count).toBe(0);
  const mine = await operator.freeze({ scope: 'agent', value: 'stopped', reason: 'incident 4712' });
  // The lease was granted before the order.
  expect(Date.parse(mine.effectiveAt ?? '') - Date.parse(mine.orderedAt)).toBeLessThanOrEqual(2_000);
  child.kill('SIGCONT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(lines.at(-1)).toBe('frozen');
  expect(lines.filter((line) => Number(line) > Date.parse(mine.effectiveAt ?? ''))).toEqual([]);
});

test('sources that record without a lease are named: nothing stops them', async () => {
  const operator = await operatorOf();
  const source = new TestSource('bare');
  await ledger.agents.submitEvent(source.opened());
  await waitUntil(async () => {
    const { freeze, unleased } = await operator.freeze({ scope: 'agent', value: 'bare', reason: 'no SDK' });
    await operator.thaw(freeze, 'look again');
    return unleased.count === 1;
  });
});

test('bad input: a target without a name, a name without a target, an unknown, ended or too distant freeze, a foreign source', async () => {
  const operator = await operatorOf();
  expect(await codeOf(operator.freeze({ scope: 'agent', reason: 'r' }))).toBe('freeze_target_invalid');
  expect(await codeOf(operator.freeze({ scope: 'tenant', value: 'x', reason: 'r' }))).toBe('freeze_target_invalid');
  expect(await codeOf(operator.freeze({ scope: 'agent', value: 'x', reason: 'r', expires: 'tomorrow' }))).toBe('time_invalid');
  expect(await codeOf(operator.thaw('00000000-0000-4000-8000-000000000000', 'r'))).toBe('freeze_unknown');
  const { freeze } = await operator.freeze({ scope: 'agent', value: 'x', reason: 'r', expires: '1h' });
  await operator.thaw(freeze, 'r');
  expect(await codeOf(operator.thaw(freeze, 'r'))).toBe('freeze_ended');
  const { apiKey } = await ledger.makeKey({ sourcePrefix: 'recant://own', agents: ['own'] });
  const agent = ledger.client(apiKey);
  expect(await codeOf(agent.lease({ source: 'recant://foreign/1', agent: 'own', applied: 0 }))).toBe('source_not_allowed');
  expect(await codeOf(agent.lease({ source: 'recant://own/1', agent: 'foreign', applied: 0 }))).toBe('agent_not_allowed');
  expect(await codeOf(operator.lease({ source: 'recant://own/1', agent: 'own', applied: 0 }))).toBe('role_missing');
});
