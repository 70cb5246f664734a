import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ActionContext, type ActionOptions, createRecant, type Recant, RecantError } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';

let ledger: FakeLedger;
let recant: Recant;
beforeEach(async () => {
  ledger = await startLedger();
  recant = createRecant({ url: ledger.url, apiKey: ledger.apiKey, agent: 'bot', onProblem: () => {} });
});
afterEach(async () => {
  await recant.close();
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: { code?: unknown; name?: unknown }) => error.code ?? error.name,
  );
const settled = async () => {
  await recant.flush();
  const data = ledger.of('recant.attempt.settled.v1').at(-1)?.data;
  return [data?.outcome, data?.error?.code];
};
const pay = { reversibility: 'irreversible' } as const;
/** A tool that hears of nothing. */
const never = () => new Promise<never>(() => {});

test('an action that takes too long is given up: the tool’s signal is aborted, and it is unknown whether it took effect', async () => {
  let signal: AbortSignal | undefined;
  const tool = (context: ActionContext) => {
    signal = context.signal;
    return never();
  };
  await expect(recant.action('pay', {}, tool, { ...pay, timeoutMs: 20 })).rejects.toMatchObject({
    code: 'timed_out',
    message: expect.stringContaining('20 ms'),
  });
  expect(signal?.aborted).toBe(true);
  expect(await settled()).toEqual(['unknown', 'timed_out']);
});

test('an action whose signal is aborted while it runs is given up; before it runs, the tool does not start', async () => {
  const stop = new AbortController();
  let ran = 0;
  const tool = () => {
    ran += 1;
    stop.abort(new Error('enough'));
    return never();
  };
  const error = await recant.action('pay', {}, tool, { ...pay, signal: stop.signal }).catch((thrown: RecantError) => thrown);
  expect(error).toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
  expect(await settled()).toEqual(['unknown', 'aborted']);

  const count = ledger.events.length;
  expect(await codeOf(recant.action('pay', {}, tool, { ...pay, signal: stop.signal }))).toBe('aborted');
  expect([ran, ledger.events.length]).toEqual([1, count]);

  const late = new AbortController();
  const starting = codeOf(recant.action('pay', {}, tool, { ...pay, signal: late.signal }));
  late.abort();
  expect(await starting).toBe('aborted');
  expect(ran).toBe(1);
  expect(await settled()).toEqual(['denied', 'aborted']);
});

test.each<[string, ActionOptions, (context: ActionContext) => unknown, string]>([
  ['a tool says that it does not know', pay, () => Promise.reject(new RecantError('outcome_unknown', 'no answer')), 'unknown'],
  ['a tool’s own time-out', pay, () => Promise.reject(AbortSignal.abort(new DOMException('', 'TimeoutError')).reason), 'unknown'],
  ['the cause of fetch’s error', { reversibility: 'compensable' }, () => fetch(broken), 'unknown'],
  ['nothing declared', {}, () => Promise.reject(Object.assign(new Error('x'), { code: 'ETIMEDOUT' })), 'unknown'],
  ['a tool that only reads', { reversibility: 'read' }, () => fetch(broken), 'failed'],
  ['an error that says no', pay, () => Promise.reject(Object.assign(new Error('no'), { code: 'card_declined' })), 'failed'],
  ['a connection that was never there', pay, () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })), 'failed'],
])('a lost answer of a tool whose effects cannot be read back is recorded as unknown: %s', async (_, options, tool, outcome) => {
  await expect(recant.action('pay', {}, tool, options)).rejects.toThrow();
  expect((await settled())[0]).toBe(outcome);
});
let broken = '';
beforeEach(async () => {
  const server = createServer((request) => request.socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  broken = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return () => server.close();
});

test('a wrapped tool and a generator are given up, too; what they finish in time is unchanged', async () => {
  const slow = recant.wrap(never, { name: 'slow', timeoutMs: 20, ...pay });
  expect(await codeOf(slow())).toBe('timed_out');
  const steps = recant.wrap(
    async function* steps() {
      yield 1;
      await never();
    },
    { timeoutMs: 200, ...pay },
  );
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const step of steps()) seen.push(step);
  })();
  expect(await codeOf(reading)).toBe('timed_out');
  expect(seen).toEqual([1]);
  expect(await settled()).toEqual(['unknown', 'timed_out']);
  expect(await recant.action('quick', {}, () => 7, { timeoutMs: 10_000, signal: new AbortController().signal })).toBe(7);
});

test.each([{ timeoutMs: 0 }, { timeoutMs: 1.5 }, { timeoutMs: 2 ** 31 }, { signal: {} as AbortSignal }])(
  'a time or signal that is none is refused before the tool runs: %j',
  async (options) => {
    expect(await codeOf(recant.action('pay', {}, () => 1, options))).toBe('options_invalid');
  },
);
