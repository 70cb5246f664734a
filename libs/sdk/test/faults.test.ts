import type { Capture, CapturingSystem } from '@recant/connector';
import { ConnectorError } from '@recant/connector';
import { EFFECT_CHUNKS_MAX, type Effect, EVENT_BYTES_MAX, formatApiKey } from '@recant/events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRecant, KeyRefused, type RecantError, type RecantOptions } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';
import { effectOf, type MemorySystem, memorySystem } from './systems.ts';

let ledger: FakeLedger;
let shop: MemorySystem;
let problems: RecantError[];
beforeEach(async () => {
  ledger = await startLedger();
  shop = memorySystem('shop');
  problems = [];
});
afterEach(async () => {
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});

/** For what waits until somebody gives up: long enough that a ledger that is there has answered, also on a busy machine. */
const IMPATIENT = { ackTimeoutMs: 1_500 };
const opened = async (options: Partial<RecantOptions> = {}) => {
  const { url, apiKey } = ledger;
  const recant = createRecant({
    url,
    apiKey,
    agent: 'bot',
    systems: [shop],
    ackTimeoutMs: 20_000,
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  await recant.open();
  return recant;
};
const reason = (promise: Promise<unknown>): Promise<RecantError> =>
  promise.then(
    () => Promise.reject(new Error('not refused')),
    (error) => error,
  );
const settled = () => ledger.of('recant.attempt.settled.v1');

test('I1: without the ledger the tool never runs, and the attempt ends denied once the ledger is back', async () => {
  const recant = await opened(IMPATIENT);
  ledger.mode = { kind: 'down' };
  let ran = false;
  const error = await reason(recant.action('drop', {}, () => (ran = true), { systems: ['shop'] }));
  expect([error.code, ran, shop.released]).toEqual(['ledger_unavailable', false, 1]);
  expect(error.cause).toMatchObject({ name: 'TransportError' });
  ledger.mode = { kind: 'up' };
  await ledger.until(() => settled().length === 1);
  expect(settled()[0]?.data).toMatchObject({ outcome: 'denied', effects: 0 });
  await recant.close();
});

test('the ledger becomes unreachable after the intent: the caller gets the result, the ledger gets the settlement once it is back', async () => {
  const recant = await opened(IMPATIENT);
  const result = await recant.action('t', {}, async (ctx) => {
    ledger.mode = { kind: 'down' };
    await ctx.on(shop).write('a');
    return 'result';
  });
  expect([result, settled()]).toEqual(['result', []]);
  ledger.mode = { kind: 'up' };
  await recant.close();
  expect(settled()[0]?.data).toMatchObject({ outcome: 'succeeded', effects: 1 });
});

test('the ledger stays unreachable: close times out and lists the unacknowledged events', async () => {
  const recant = await opened({ ...IMPATIENT, closeTimeoutMs: 200 });
  const { action } = await recant.action('t', {}, (ctx) => {
    ledger.mode = { kind: 'down' };
    return ctx;
  });
  const error = await reason(recant.close());
  expect(error.code).toBe('unacknowledged');
  expect(error.pending).toContain(`${action}.1.settled`);
  expect(await reason(recant.close())).toBe(error);
});

test('close waits for running tools and lists one that does not end', async () => {
  const recant = await opened({ closeTimeoutMs: 150 });
  const [begun, finished] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()];
  const running = recant.action('t', {}, (ctx) => {
    begun.resolve(ctx.action);
    return finished.promise;
  });
  const action = await begun.promise;
  expect((await reason(recant.close())).pending).toEqual([`${action}.1.settled`]);
  finished.resolve();
  await running;
});

test('a request whose answer was lost is repeated with the same bytes', async () => {
  const recant = await opened();
  ledger.mode = { kind: 'lost' };
  const running = recant.action('t', {}, () => 'ran');
  await ledger.until(() => ledger.received.requests >= 3);
  ledger.mode = { kind: 'up' };
  expect(await running).toBe('ran');
  await recant.close();
  expect(ledger.received.events).toBeGreaterThan(ledger.events.length);
});

test.each([429, 503, 500])('status %s is retried after Retry-After', async (status) => {
  const recant = await opened({ ackTimeoutMs: 5_000 });
  ledger.mode = { kind: 'busy', status, retryAfter: '1' };
  const started = performance.now();
  const running = recant.action('t', {}, () => performance.now() - started);
  const before = ledger.received.requests;
  await ledger.until(() => ledger.received.requests > before);
  ledger.mode = { kind: 'up' };
  expect(await running).toBeGreaterThanOrEqual(990);
  await recant.close();
});

test.each([400, 403, 404])('status %s is not retried', async (status) => {
  const recant = await opened();
  const before = ledger.received.requests;
  ledger.mode = { kind: 'refuse', status };
  expect(await reason(recant.action('t', {}, () => {}))).toMatchObject({ code: 'refused' });
  expect(ledger.received.requests).toBe(before + 1);
  ledger.mode = { kind: 'refuse', status };
  await reason(recant.close());
});

const keyOf = (fill: number) => formatApiKey({ keyId: 'test', secret: new Uint8Array(32).fill(fill) });

test('a key refused mid-stream loses nothing: queued events are sent once and in order under the next key, and onProblem is called once', async () => {
  let apiKey = ledger.apiKey;
  const recant = await opened({ apiKey: () => apiKey, ackTimeoutMs: 20_000 });
  await recant.action('before', {}, (ctx) => ctx.on(shop).write('a'));
  ledger.apiKey = keyOf(8);
  const running = Array.from({ length: 5 }, (_, n) => recant.action(`t${n}`, {}, (ctx) => ctx.on(shop).write(`b${n}`)));
  const before = ledger.received.requests;
  await ledger.until(() => ledger.received.requests >= before + 2);
  expect(problems.map(({ code }) => code)).toEqual(['key_refused']);
  expect(problems[0]?.message).toContain('another key');
  apiKey = ledger.apiKey;
  await Promise.all(running);
  await recant.close();
  expect(settled().map(({ data }) => data.outcome)).toEqual(Array.from({ length: 6 }, () => 'succeeded'));
  expect(ledger.events.map(({ sequence }) => Number(sequence))).toEqual(ledger.events.map((_, n) => n + 1));
  expect(problems).toHaveLength(1);
});

test('a permanently refused key: the tool never runs, and close lists the queued events', async () => {
  const recant = await opened({ ...IMPATIENT, closeTimeoutMs: 200 });
  ledger.apiKey = keyOf(8);
  let ran = false;
  const error = await reason(recant.action('t', {}, () => (ran = true)));
  expect([error.code, ran]).toEqual(['key_refused', false]);
  expect(error.cause).toBeInstanceOf(KeyRefused);
  expect((await reason(recant.close())).pending.some((id) => id.endsWith('.intended'))).toBe(true);
});

test('open rejects a wrong key at once, whether given as a string or a function, and succeeds with a valid one', async () => {
  const right = ledger.apiKey;
  let apiKey = keyOf(8);
  const recant = createRecant({
    url: ledger.url,
    apiKey: async () => apiKey,
    agent: 'bot',
    onProblem: (problem) => problems.push(problem),
  });
  for (const wrong of [keyOf(8), 'no key at all', keyOf(9)]) {
    apiKey = wrong;
    expect(await reason(recant.open())).toMatchObject({ code: 'key_refused' });
  }
  apiKey = right;
  await recant.open();
  expect(problems).toEqual([]);
  await recant.close();
});

test('an apiKey function that throws is called again', async () => {
  let sealed = false;
  const recant = await opened({
    ackTimeoutMs: 20_000,
    apiKey: () => {
      if (sealed && problems.length === 0) throw new Error('the vault is sealed');
      return ledger.apiKey;
    },
  });
  sealed = true;
  expect(await recant.action('t', {}, () => 'ran')).toBe('ran');
  expect(problems.map(({ code, cause }) => [code, String((cause as Error).cause)])).toEqual([
    ['key_refused', 'Error: the vault is sealed'],
  ]);
  await recant.close();
});

test('a response that is not the ledger’s is no acknowledgement', async () => {
  const recant = await opened(IMPATIENT);
  ledger.mode = { kind: 'nonsense' };
  let ran = false;
  expect(await reason(recant.action('t', {}, () => (ran = true)))).toMatchObject({ code: 'ledger_unavailable' });
  ledger.mode = { kind: 'up' };
  await recant.close();
  expect(ran).toBe(false);
});

test('an event refused after the tool ran is reported to onProblem and listed by close', async () => {
  const recant = await opened();
  ledger.mode = { kind: 'refuse_event', id: (id) => id.endsWith('.settled') };
  expect(await recant.action('t', {}, () => 'result')).toBe('result');
  await recant.flush();
  expect(problems).toMatchObject([{ code: 'refused', refusal: { code: 'agent_not_allowed' } }]);
  ledger.mode = { kind: 'up' };
  ledger.violations.length = 0;
  const error = await reason(recant.close());
  expect(error.pending).toHaveLength(1);
  ledger.violations.length = 0;
});

test('memory is bounded: at the limit an action is refused with queue_full before the tool runs', async () => {
  const recant = await opened({ queueEventsMax: 4, ...IMPATIENT });
  ledger.mode = { kind: 'down' };
  const codes: string[] = [];
  for (let n = 0; n < 4; n += 1) codes.push((await reason(recant.action('t', {}, () => {}))).code);
  expect(codes).toEqual(['ledger_unavailable', 'ledger_unavailable', 'queue_full', 'queue_full']);
  expect(await recant.action('look', {}, () => 'seen', { reversibility: 'read', durability: 'none' })).toBe('seen');
  expect(problems).toMatchObject([{ code: 'queue_full' }]);
  ledger.mode = { kind: 'up' };
  await recant.close();
  expect(settled()).toHaveLength(2);
});

test('a read-only tool may run without the ledger, and is recorded later', async () => {
  const recant = await opened(IMPATIENT);
  ledger.mode = { kind: 'down' };
  expect(await recant.action('look', {}, () => 'seen', { reversibility: 'read', durability: 'none' })).toBe('seen');
  ledger.mode = { kind: 'up' };
  await recant.close();
  expect(settled()[0]?.data.outcome).toBe('succeeded');
});

test('a refused intent of a read-only tool is reported to onProblem', async () => {
  const recant = await opened();
  ledger.mode = { kind: 'refuse_event', id: (id) => id.endsWith('.intended') };
  expect(await recant.action('look', {}, () => 'seen', { reversibility: 'read', durability: 'none' })).toBe('seen');
  await recant.flush();
  expect(problems).toMatchObject([{ code: 'refused', refusal: { code: 'agent_not_allowed' } }]);
  await recant.close();
  // The refused sequence number is a gap that the ledger reports.
  expect(ledger.violations).toHaveLength(1);
  ledger.violations.length = 0;
});

test('effects whose reading failed are read again, each recorded once', async () => {
  const recant = await opened();
  shop.settleErrors.push(new ConnectorError('unreachable', 'gone for a moment'));
  await recant.action('t', {}, async (ctx) => {
    for (const key of ['a', 'b', 'c']) await ctx.on(shop).write(key);
  });
  await recant.close();
  expect(ledger.of('recant.attempt.effects.v1')[0]?.data.effects.map(({ ordinal }) => ordinal)).toEqual(['1', '2', '3']);
});

test('unreadable effects leave the attempt unsettled: the caller gets the result, onProblem the error', async () => {
  const recant = await opened();
  const cause = new Error('broken');
  shop.settleErrors.push(cause);
  const value = await recant.action('t', {}, async (ctx) => {
    for (const key of ['a', 'b']) await ctx.on(shop).write(key);
    return 'result';
  });
  expect(value).toBe('result');
  await recant.flush();
  expect(problems).toMatchObject([{ code: 'settlement_failed', cause }]);
  const error = await reason(recant.close());
  expect([error.pending.length, settled(), shop.released]).toEqual([1, [], 1]);
});

test('250,000 effects are sent in chunks within the size limit, with flat memory', async () => {
  const total = 250_000;
  let made = 0;
  let aheadMax = 0;
  let recorded = 0;
  const huge: CapturingSystem<void> = {
    name: 'huge',
    connector: 'memory',
    capture: async (): Promise<Capture<void>> => ({
      before: {},
      handle: undefined,
      async *settle(): AsyncGenerator<Effect> {
        for (; made < total; made += 1) {
          if (made % 1_000 === 0) aheadMax = Math.max(aheadMax, made - recorded);
          yield effectOf('huge', String(made), made);
        }
      },
      release: async () => {},
    }),
  };
  let acknowledged = 0;
  const bytesMax = 2_000_000;
  const recant = createRecant({
    agent: 'bot',
    systems: [huge],
    queueBytesMax: bytesMax,
    transport: {
      async send(items) {
        await new Promise((resolve) => setImmediate(resolve));
        for (const { bytes } of items) {
          expect(bytes.length).toBeLessThanOrEqual(EVENT_BYTES_MAX);
          acknowledged += 1;
          recorded += Buffer.from(bytes).toString('latin1').split('"resource"').length - 1;
        }
        return items.map(() => ({ kind: 'acknowledged' }) as const);
      },
      close: async () => {},
    },
  });
  await recant.open();
  await recant.action('t', {}, () => {}, { systems: ['huge'] });
  await recant.close();
  expect(recorded).toBe(total);
  expect(acknowledged).toBeLessThan(EFFECT_CHUNKS_MAX);
  // An effect has over 150 bytes: only the queue, one chunk and one batch can be read ahead.
  expect(aheadMax).toBeLessThan((bytesMax + 2 * EVENT_BYTES_MAX) / 150);
}, 120_000);
