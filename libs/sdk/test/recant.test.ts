import { effectsDigest, isUuidV7, uuidv7 } from '@recant/events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ActionOptions, createRecant, type RecantError, type RecantOptions } from '../src/index.ts';
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

const recorder = (options: Partial<RecantOptions> = {}) =>
  createRecant({
    url: ledger.url,
    apiKey: ledger.apiKey,
    agent: 'bot',
    systems: [shop],
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
const opened = async (options: Partial<RecantOptions> = {}) => {
  const recant = recorder(options);
  await recant.open();
  return recant;
};
const reason = async (promise: Promise<unknown>): Promise<RecantError> =>
  promise.then(
    () => {
      throw new Error('it was expected to be refused');
    },
    (error: RecantError) => error,
  );
const ids = (): string[] => ledger.events.map(({ id }) => id.replace(/^[0-9a-f-]{36}\./, ''));

describe('an action', () => {
  test('I1: is intended before the tool runs and settled after it, with its effects', async () => {
    const recant = await opened({ session: 's-1', model: 'm', agentVersion: '1', onBehalfOf: 'alice' });
    const seen: string[] = [];
    const context = await recant.action(
      'reprice',
      { price: 1 },
      async (ctx) => {
        seen.push(...ids());
        await ctx.on(shop).write('a');
        return ctx;
      },
      { resources: ['memory://shop/a'], labels: { team: 'x' } },
    );
    expect(seen).toEqual(['opened', '1.intended']);
    await recant.close();
    expect(ids()).toEqual(['opened', '1.intended', '1.effects.0', '1.settled', 'closed']);
    expect(ledger.of('recant.attempt.intended.v1')[0]?.data).toEqual({
      action: context.action,
      attempt: 1,
      tool: 'reprice',
      arguments: { inline: { price: 1 } },
      resources: ['memory://shop/a'],
      before: { 'memory://shop/a': { exists: 'v1.before' } },
      reversibility: 'reversible',
      deadlineMs: 300_000,
      context: { session: 's-1', model: 'm', agentVersion: '1', onBehalfOf: 'alice', labels: { team: 'x' } },
    });
    expect(ledger.of('recant.attempt.settled.v1')[0]?.data).toMatchObject({
      outcome: 'succeeded',
      chunks: 1,
      effects: 1,
      digest: effectsDigest([[effectOf('shop', 'a', 1)]]),
    });
    expect([shop.captured[0]?.source, shop.released, problems]).toEqual([recant.source, 1, []]);
    expect(recant.source).toMatch(/^recant:\/\/bot\//);
  });

  test('returns the tool’s result by identity', async () => {
    const recant = await opened();
    const value = { some: Symbol('thing') };
    expect(await recant.action('t', {}, () => value)).toBe(value);
    expect(await recant.action('t', {}, () => undefined)).toBeUndefined();
    await recant.close();
  });

  test.each([
    ['an error', new TypeError('x\u0000y')],
    ['a string', 'oops'],
    ['nothing', undefined],
    [
      'a hostile object',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error();
          },
        },
      ),
    ],
  ])('throws %s as the tool threw it, and records effects and failure', async (_, thrown) => {
    const recant = await opened();
    let caught: unknown = 'nothing yet';
    await recant
      .action('t', {}, async (ctx) => {
        await ctx.on(shop).write('half');
        throw thrown;
      })
      .catch((error) => {
        caught = error;
      });
    expect(caught === thrown).toBe(true);
    await recant.close();
    expect(ledger.of('recant.attempt.settled.v1')[0]?.data).toMatchObject({
      outcome: 'failed',
      effects: 1,
      error: { code: expect.any(String) },
    });
  });

  test('concurrent actions form one consecutive sequence, each with its own effects', async () => {
    const recant = await opened();
    const many = Array.from({ length: 200 }, (_, n) => n);
    const results = await Promise.all(
      many.map((n) =>
        recant.action('t', { n }, async (ctx) => {
          await new Promise((resolve) => setImmediate(resolve));
          await ctx.on(shop).write(`k${n}`);
          return n;
        }),
      ),
    );
    await recant.close();
    expect(results).toEqual(many);
    expect(ledger.events).toHaveLength(2 + 3 * many.length);
    expect(ledger.received.requests).toBeLessThan(many.length);
    expect(shop.released).toBe(many.length);
  });

  test('a retry is the next attempt of the same action', async () => {
    const recant = await opened();
    const first = await recant.action('t', {}, (ctx) => ctx);
    const second = await recant.action('t', {}, (ctx) => ctx, { retryOf: first });
    const third = await recant.action('t', {}, (ctx) => ctx, { retryOf: { action: first.action } });
    const elsewhere = uuidv7(1, new Uint8Array(16));
    const foreign = await recant.action('t', {}, (ctx) => ctx, { retryOf: { action: elsewhere, attempt: 4 } });
    expect([second, third].map(({ action, attempt }) => [action, attempt])).toEqual([
      [first.action, 2],
      [first.action, 3],
    ]);
    expect([foreign.action, foreign.attempt, isUuidV7(foreign.action)]).toEqual([elsewhere, 5, true]);
    const unknown = uuidv7(2, new Uint8Array(16));
    expect(await reason(recant.action('t', {}, () => {}, { retryOf: { action: unknown } }))).toMatchObject({ code: 'options_invalid' });
    await recant.close();
  });

  test('records the arguments as they were before the tool changed them', async () => {
    const recant = await opened();
    const args = { list: [1], when: new Date(0), absent: undefined };
    await recant.action('t', args, () => void args.list.push(2));
    await recant.close();
    expect(ledger.of('recant.attempt.intended.v1')[0]?.data.arguments).toEqual({ inline: { list: [1], when: '1970-01-01T00:00:00.000Z' } });
  });

  test.each([
    ['large', { text: 'x'.repeat(20_000) }],
    ['with U+0000', { text: '\u0000' }],
    ['deep', { deep: JSON.parse(`${'['.repeat(30)}${']'.repeat(30)}`) }],
  ])('arguments that are %s stand beside the event as a part, sent first', async (_, args) => {
    const recant = await opened();
    await recant.action('t', args, () => {});
    await recant.close();
    const [part] = ledger.parts.values();
    expect(JSON.parse(Buffer.from(part as Uint8Array).toString())).toEqual(args);
    expect(ledger.of('recant.attempt.intended.v1')[0]?.data.arguments).toHaveProperty('part.size', part?.length);
  });

  test('arguments at the depth limit are recorded inline', async () => {
    const recant = await opened();
    await recant.action('t', { deep: JSON.parse(`${'['.repeat(28)}${']'.repeat(28)}`) }, () => {});
    await recant.close();
    expect(ledger.parts.size).toBe(0);
  });

  test('has the trace context of its caller', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const recant = await opened({ trace: () => ({ traceparent, tracestate: 'bad\u0000' }) });
    await recant.action('t', {}, () => {});
    await recant.close();
    expect(ledger.of('recant.attempt.intended.v1')[0]).toMatchObject({ traceparent });
    expect(ledger.traceparents).toContain(traceparent);
  });
});

describe('an action is refused before the tool runs', () => {
  type Refused = ActionOptions & { readonly tool?: string; readonly arguments?: unknown };
  class Odd extends Map {}
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  test.each<[string, Refused, string]>([
    ['NaN', { arguments: { n: Number.NaN } }, 'arguments_invalid'],
    ['a bigint', { arguments: { n: 1n } }, 'arguments_invalid'],
    ['a function', { arguments: { f: () => 1 } }, 'arguments_invalid'],
    ['a map', { arguments: { m: new Odd() } }, 'arguments_invalid'],
    ['a cycle', { arguments: cyclic }, 'arguments_invalid'],
    ['a lone surrogate', { arguments: { s: '\ud800' } }, 'arguments_invalid'],
    ['an array', { arguments: [] }, 'arguments_invalid'],
    ['too much', { arguments: { s: 'x'.repeat(600_000) } }, 'too_large'],
    ['no tool', { tool: '' }, 'options_invalid'],
    ['no URI', { resources: ['a'] }, 'options_invalid'],
    ['a resource of an unknown system', { resources: ['memory://other/a'] }, 'system_unknown'],
    ['a system of nobody', { systems: ['other'] }, 'system_unknown'],
    ['a write without durability', { durability: 'none' }, 'options_invalid'],
    ['a bad label', { labels: { a: '\u001b' } }, 'options_invalid'],
    ['too many resources', { resources: Array.from({ length: 257 }, (_, n) => `memory://shop/${n}`) }, 'options_invalid'],
  ])('%s', async (_, { tool = 't', arguments: args = {}, ...options }, code) => {
    const recant = await opened();
    let ran = false;
    const error = await reason(recant.action(tool, args as Record<string, unknown>, () => (ran = true), options));
    expect([error.name, error.code, ran]).toEqual(['RecantError', code, false]);
    await recant.action('next', {}, () => {});
    await recant.close();
    expect(shop.released).toBe(shop.captured.length);
  });

  test('if a system cannot be captured', async () => {
    const recant = await opened();
    const cause = new Error('disk full');
    shop.captureErrors.push(cause);
    const error = await reason(recant.action('t', {}, () => {}, { systems: ['shop'] }));
    expect(error).toMatchObject({ code: 'capture_failed', cause });
    await recant.close();
    expect(ids()).toEqual(['opened', 'closed']);
  });

  test('if the recorder is closed', async () => {
    const recant = recorder();
    await recant.close();
    expect(await reason(recant.action('t', {}, () => {}))).toMatchObject({ code: 'closed' });
    expect(await reason(recant.open())).toMatchObject({ code: 'closed' });
    expect(ledger.events).toEqual([]);
  });

  test('if the ledger refuses the intent', async () => {
    const recant = await opened();
    ledger.mode = { kind: 'refuse', status: 403 };
    let ran = false;
    const error = await reason(recant.action('t', {}, () => (ran = true)));
    expect([error.code, error.refusal?.code, ran]).toEqual(['refused', 'unauthenticated', false]);
    expect(error.message).toContain('Make a new one.');
    await recant.close().catch(() => {});
  });
});

test('all problems of the options are reported at once, before anything is sent', () => {
  const wrong = () => createRecant({ url: 'nowhere', apiKey: 'hunter2', agent: '', leaseMs: 0, session: '\u0000', systems: [shop, shop] });
  expect(wrong).toThrow(expect.objectContaining({ code: 'options_invalid' }));
  expect(wrong).toThrow(/leaseMs.*agent.*session.*system.*url.*apiKey/);
  expect(wrong).not.toThrow(/hunter2/);
});

test('a source sends three heartbeats per lease', async () => {
  const recant = await opened({ leaseMs: 30 });
  await ledger.until(() => ledger.of('recant.source.heartbeat.v1').length >= 2);
  await recant.close();
  expect(
    ledger
      .of('recant.source.heartbeat.v1')
      .slice(0, 2)
      .map(({ id }) => id),
  ).toEqual(['heartbeat.1', 'heartbeat.2']);
  expect(ids().at(-1)).toBe('closed');
  expect(ledger.of('recant.source.opened.v1')[0]?.data.leaseMs).toBe(30);
});
