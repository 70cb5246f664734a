import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRecant, type Recant, type RecantError } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';
import { memorySystem } from './systems.ts';

let ledger: FakeLedger;
let recant: Recant;
const shop = memorySystem('shop');
beforeEach(async () => {
  ledger = await startLedger();
  recant = createRecant({ url: ledger.url, apiKey: ledger.apiKey, agent: 'bot', systems: [shop] });
  await recant.open();
});
afterEach(async () => {
  await recant.close();
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});
const intents = () => ledger.of('recant.attempt.intended.v1').map(({ data }) => data);
const outcomes = async () => {
  await recant.flush();
  return ledger.of('recant.attempt.settled.v1').map(({ data }) => data.outcome);
};

describe('a function', () => {
  test('keeps `this`, arguments, result and error', async () => {
    const failure = new Error('no');
    const till = {
      total: 2,
      async add(this: { total: number }, amount: { by: number }) {
        if (amount.by < 0) throw failure;
        this.total += amount.by;
        return this;
      },
    };
    const safe = { total: 5, add: recant.wrap(till.add, { name: 'add_to_till', resources: ({ by }) => [`memory://shop/${by}`] }) };
    expect(await safe.add({ by: 3 })).toBe(safe);
    await expect(safe.add({ by: -1 })).rejects.toBe(failure);
    expect([safe.total, till.total]).toEqual([8, 2]);
    expect(intents().map(({ tool, arguments: args, resources }) => ({ tool, args, resources }))).toEqual([
      { tool: 'add_to_till', args: { inline: { by: 3 } }, resources: ['memory://shop/3'] },
      { tool: 'add_to_till', args: { inline: { by: -1 } }, resources: ['memory://shop/-1'] },
    ]);
    expect(await outcomes()).toEqual(['succeeded', 'failed']);
  });

  test('names the action that a call tries again, so that one payment is one action', async () => {
    const earlier = new Map<string, { action: string }>();
    const pay = recant.wrap(
      async ({ key, fails }: { key: string; fails: boolean }) => {
        earlier.set(key, { action: recant.current()?.action ?? '' });
        if (fails) throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
      },
      { name: 'pay', reversibility: 'irreversible', retryOf: ({ key }) => earlier.get(key) },
    );
    await expect(pay({ key: 'order-7', fails: true })).rejects.toThrow('no answer');
    await pay({ key: 'order-7', fails: false });
    await pay({ key: 'order-8', fails: false });
    const [first, second, third] = intents().map(({ action, attempt }) => [action, attempt]);
    expect(second).toEqual([first?.[0], 2]);
    expect([third?.[1], third?.[0] === first?.[0]]).toEqual([1, false]);
    expect(await outcomes()).toEqual(['unknown', 'succeeded', 'succeeded']);
  });

  test('after a restart a retry needs the number of the attempt before; without it the tool does not run', async () => {
    const action = '0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60';
    let ran = 0;
    const pay = recant.wrap(
      async (_: { attempt?: number }) => {
        ran += 1;
      },
      {
        name: 'pay',
        retryOf: ({ attempt }) => ({ action, ...(attempt === undefined ? {} : { attempt }) }),
      },
    );
    await expect(pay({})).rejects.toMatchObject({ code: 'options_invalid', message: expect.stringContaining('retryOf.attempt') });
    expect([ran, intents()]).toEqual([0, []]);
    await pay({ attempt: 3 });
    await pay({});
    expect([ran, ...intents().map((intent) => [intent.action, intent.attempt])]).toEqual([2, [action, 4], [action, 5]]);
  });

  test('that is synchronous returns a promise', async () => {
    const double = recant.wrap(function double(n: number) {
      return 2 * n;
    }, {});
    const result: Promise<number> = double(4);
    expect(await result).toBe(8);
    expect(intents()[0]).toMatchObject({ tool: 'double', arguments: { inline: { input: 4 } } });
  });

  test('can read the current action', async () => {
    const tool = recant.wrap(
      async () => {
        await new Promise((resolve) => setImmediate(resolve));
        await recant.current()?.on(shop).write('a');
        return recant.current()?.action;
      },
      { name: 'tool' },
    );
    const actions = await Promise.all([tool(), tool()]);
    await recant.flush();
    expect(new Set(actions)).toEqual(new Set(intents().map(({ action }) => action)));
    expect(ledger.of('recant.attempt.effects.v1')).toHaveLength(2);
    expect(recant.current()).toBeUndefined();
  });

  test('keeps all its own properties', () => {
    const key = fc.oneof(
      fc.string(),
      fc.constantFrom('description', 'parameters', 'execute', 'toString'),
      fc.string().map((text) => Symbol.for(text)),
    );
    const flags = { enumerable: fc.boolean(), configurable: fc.boolean() };
    const data = fc.record({ ...flags, writable: fc.boolean(), value: fc.anything() });
    const accessor = fc.record({ ...flags, get: fc.constant(() => 1), set: fc.constant(undefined) });
    const made = [
      () => () => {},
      () => async () => {},
      () => function named(_a: unknown, _b: unknown) {},
      () => async function* () {},
      () => ({ m() {} }).m,
    ];
    fc.assert(
      fc.property(fc.constantFrom(...made), fc.array(fc.tuple(key, fc.oneof(data, accessor))), (make, properties) => {
        const tool = make() as () => void;
        for (const [name, descriptor] of properties) Reflect.defineProperty(tool, name, descriptor as PropertyDescriptor);
        const wrapped = recant.wrap(tool, { name: 'tool' });
        const expected = Object.getOwnPropertyDescriptors(tool) as Record<PropertyKey, PropertyDescriptor>;
        const found = Object.getOwnPropertyDescriptors(wrapped) as Record<PropertyKey, PropertyDescriptor>;
        expect(Reflect.ownKeys(found).sort(byText)).toEqual(Reflect.ownKeys(expected).sort(byText));
        for (const own of Reflect.ownKeys(expected)) {
          const [a, b] = [found[own] as PropertyDescriptor, expected[own] as PropertyDescriptor];
          expect([a.enumerable, a.configurable, a.writable, a.get, Object.is(a.value, b.value)]).toEqual([
            b.enumerable,
            b.configurable,
            b.writable,
            b.get,
            true,
          ]);
        }
      }),
    );
  });

  test('that is a class is refused', () => {
    expect(() => recant.wrap(class {} as never, {})).toThrow(expect.objectContaining({ code: 'options_invalid' }));
    for (const wrong of [null, 'tool', { execute: class {} }]) {
      expect(() => recant.wrap(wrong as never, { name: 'x' })).toThrow(expect.objectContaining({ code: 'options_invalid' }));
    }
  });
});

const byText = (a: PropertyKey, b: PropertyKey): number => (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0);

describe('a generator', () => {
  /** What a consumer does with it, and what the tool sees. */
  async function* dialogue(this: unknown, first: number): AsyncGenerator<unknown, string, unknown> {
    let heard: unknown = first;
    try {
      while (heard !== 'stop') {
        try {
          heard = yield heard;
        } catch (error) {
          heard = yield ['caught', error];
        }
      }
      return 'stopped';
    } finally {
      if (heard === 'linger') yield 'lingering';
    }
  }
  type Step = ['next' | 'throw' | 'return', unknown];
  const play = async (generator: AsyncGenerator<unknown, unknown, unknown>, steps: readonly Step[]): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for (const [step, value] of steps) {
      seen.push(await (generator[step] as (value: unknown) => Promise<unknown>)(value).catch((error: unknown) => ({ thrown: error })));
    }
    return seen;
  };

  test('yields what the tool’s generator yields, to any consumer', async () => {
    const value = fc.constantFrom('a', 'stop', 'linger', 7);
    const step = fc.tuple(fc.constantFrom('next' as const, 'next' as const, 'throw' as const, 'return' as const), value);
    const wrapped = recant.wrap(dialogue, {});
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        const generator = wrapped(1);
        expect(await play(generator, [['next', undefined], ...steps])).toEqual(await play(dialogue(1), [['next', undefined], ...steps]));
        while (!(await generator.return('')).done);
      }),
      { numRuns: 50 },
    );
    expect(await outcomes()).toHaveLength(intents().length);
  });

  test('is intended at its first step, and settled when its consumer stops early', async () => {
    const wrapped = recant.wrap(dialogue, {});
    const generator = wrapped(1);
    expect(intents()).toEqual([]);
    for await (const item of generator) {
      expect([item, intents().length, (await outcomes()).length]).toEqual([1, 1, 0]);
      break;
    }
    expect(await outcomes()).toEqual(['succeeded']);
    expect(generator).toBeInstanceOf(wrapped);
  });

  test('that is synchronous becomes asynchronous', async () => {
    const count = recant.wrap(function* count(this: { to: number }, from: number) {
      for (let n = from; n <= this.to; n += 1) yield [n, recant.current()?.attempt];
      return 'done';
    }, {});
    const seen: unknown[] = [];
    const generator = count.call({ to: 3 }, 1);
    for (let step = await generator.next(); ; step = await generator.next()) {
      seen.push(step.value);
      if (step.done) break;
    }
    expect(seen).toEqual([[1, 1], [2, 1], [3, 1], 'done']);
  });

  test('that throws is settled as failed, with the same error', async () => {
    const failure = new Error('no');
    const wrapped = recant.wrap(async function* failing() {
      yield 1;
      throw failure;
    }, {});
    const generator = wrapped();
    await generator.next();
    await expect(generator.next()).rejects.toBe(failure);
    expect(await outcomes()).toEqual(['failed']);
  });

  test('never starts if the ledger refuses the intent', async () => {
    let ran = false;
    const wrapped = recant.wrap(
      async function* () {
        ran = true;
        yield 1;
      },
      { name: 'tool' },
    );
    ledger.mode = { kind: 'refuse_event', id: (id) => id.endsWith('.intended') };
    const error: RecantError = await wrapped()
      .next()
      .then(
        () => undefined,
        (caught) => caught,
      );
    ledger.mode = { kind: 'up' };
    expect([error.code, ran]).toEqual(['refused', false]);
    // The refused sequence number is a gap that the ledger reports.
    await recant.close();
    expect(ledger.violations).toHaveLength(1);
    ledger.violations.length = 0;
  });
});
