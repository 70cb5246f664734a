import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitUntil } from '@recant/test-support';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRecant, type RecantError, type RecantOptions } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';

let ledger: FakeLedger;
beforeEach(async () => {
  ledger = await startLedger();
});
afterEach(async () => {
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});

const opened = async (options: Partial<RecantOptions> = {}) => {
  const recant = createRecant({ url: ledger.url, apiKey: ledger.apiKey, agent: 'bot', onProblem: () => {}, ...options });
  await recant.open();
  return recant;
};
const rule = (scope: string, value?: string) => ({
  ...{ freeze: '7d0c', scope, reason: 'wrong prices', by: 'person:ann', orderedAt: '2026-11-30T03:00:00.000Z' },
  ...(value === undefined ? {} : { value }),
});
let version = 0;
const freeze = (...freezes: ReturnType<typeof rule>[]) => {
  version += 1;
  ledger.lease = { version, leaseMs: 5_000, freezes };
};
const refusal = (work: Promise<unknown>): Promise<RecantError | undefined> =>
  work.then(
    () => undefined,
    (error: RecantError) => error,
  );
/** Tries until the recorder has heard of the freeze. */
async function untilFrozen(work: () => Promise<unknown>): Promise<RecantError> {
  let error: RecantError | undefined;
  await waitUntil(async () => {
    error = await refusal(work());
    return error !== undefined;
  });
  return error as RecantError;
}

test.each([
  ['agent', 'bot', {}],
  ['tool', 'refund', {}],
  ['session', 's-1', { session: 's-1' }],
  ['principal', 'alice', { onBehalfOf: 'alice' }],
  ['tenant', undefined, {}],
])('I11: a freeze of the %s %s stops its actions before the tool runs; they are recorded as denied', async (scope, value, options) => {
  const recant = await opened();
  let ran = 0;
  const act = () => recant.action('refund', {}, () => (ran += 1), options);
  await act();
  freeze(rule(scope, value));
  const error = await untilFrozen(act);
  const before = ran;
  expect(error).toMatchObject({ code: 'frozen', freeze: { freeze: '7d0c', scope } });
  expect(error.message).toMatch(/frozen since .* by person:ann: wrong prices .*did not run/);
  expect((await refusal(act()))?.code).toBe('frozen');
  expect(ran).toBe(before);
  await recant.flush();
  expect(ledger.of('recant.attempt.settled.v1').at(-1)?.data).toMatchObject({ outcome: 'denied', error: { code: 'frozen' } });

  freeze();
  await waitUntil(async () => (await refusal(act())) === undefined);
  await recant.close();
});

test('what a known freeze denies is never open: intent and denial come together, and the caller waits for their receipt', async () => {
  const recant = await opened();
  const act = () => recant.action('refund', {}, () => 1);
  freeze(rule('agent', 'bot'));
  await untilFrozen(act);
  await recant.flush();
  const before = ledger.batches.length;
  for (let n = 0; n < 3; n += 1) expect((await refusal(act()))?.code).toBe('frozen');
  await recant.flush();
  const withIntents = ledger.batches.slice(before).filter((types) => types.includes('recant.attempt.intended.v1'));
  expect(withIntents).toEqual(Array(3).fill(['recant.attempt.intended.v1', 'recant.attempt.settled.v1']));
  await recant.close();
});

test('a freeze of something else stops nothing', async () => {
  const recant = await opened();
  freeze(rule('agent', 'other'), rule('tool', 'pay'), rule('session', 's-2'), rule('principal', 'bob'), rule('tool', 'mark'));
  await untilFrozen(() => recant.action('mark', {}, () => 1));
  expect(await recant.action('refund', {}, () => 1, { session: 's-1', onBehalfOf: 'alice' })).toBe(1);
  await recant.close();
});

test('I11: a recorder without a lease starts nothing, whatever the ledger acknowledges', async () => {
  ledger.lease = undefined;
  const recant = await opened({ ackTimeoutMs: 300 });
  let ran = 0;
  expect(await refusal(recant.action('refund', {}, () => (ran += 1)))).toMatchObject({ code: 'ledger_unavailable' });
  expect(ran).toBe(0);
  freeze();
  await waitUntil(async () => (await refusal(recant.action('refund', {}, () => (ran += 1)))) === undefined);
  await recant.close();
  expect(ran).toBe(1);
});

test('I11: a lease ends by itself when the ledger stops to renew it, and by the wall clock when the machine was suspended', async () => {
  version += 1;
  ledger.lease = { version, leaseMs: 1_000, freezes: [] };
  let suspendedMs = 0;
  const recant = await opened({ ackTimeoutMs: 200, clock: () => Date.now() + suspendedMs });
  const act = () => recant.action('refund', {}, () => 1);
  await waitUntil(async () => (await refusal(act())) === undefined);
  ledger.lease = undefined;
  await waitUntil(async () => (await refusal(act()))?.code === 'ledger_unavailable');
  ledger.lease = { version, leaseMs: 3_600_000, freezes: [] };
  await waitUntil(async () => (await refusal(act())) === undefined);
  ledger.lease = undefined;
  suspendedMs = 3_600_001;
  expect((await refusal(act()))?.code).toBe('ledger_unavailable');
  await recant.close();
});

test('a waiting request for a lease does not keep a process running', async () => {
  const script = `
    import { createRecant } from '@recant/sdk';
    const recant = createRecant({ url: process.env.URL, apiKey: process.env.KEY, agent: 'bot', onProblem: () => {} });
    await recant.action('refund', {}, () => 1);
    await recant.flush();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    env: { ...process.env, URL: ledger.url, KEY: ledger.apiKey },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
});
