import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRecant, type Recant, type RecantError } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';
import { type MemorySystem, memorySystem } from './systems.ts';

let ledger: FakeLedger;
let recant: Recant;
let shop: MemorySystem;
let problems: RecantError[];
beforeEach(async () => {
  ledger = await startLedger();
  shop = memorySystem('shop');
  problems = [];
  const { url, apiKey } = ledger;
  recant = createRecant({ url, apiKey, agent: 'bot', systems: [shop], session: 'first', onProblem: (problem) => problems.push(problem) });
});
afterEach(async () => {
  await recant.close();
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});
const intents = () => ledger.of('recant.attempt.intended.v1').map(({ data }) => data);
const recorded = () => intents().map(({ tool, arguments: args }) => [tool, 'inline' in args ? args.inline : undefined]);
const reason = (promise: Promise<unknown>): Promise<RecantError> =>
  promise.then(
    () => Promise.reject(new Error('not refused')),
    (error) => error,
  );

describe('opening', () => {
  test('the first action opens the recorder, concurrent ones open it once', async () => {
    await Promise.all([recant.action('a', {}, () => {}), recant.action('b', {}, () => {})]);
    expect(ledger.of('recant.source.opened.v1')).toHaveLength(1);
    expect(ledger.events[0]?.id).toBe('opened');
  });

  test('I1: an action that cannot open the recorder rejects, its tool does not run, and the next one tries again', async () => {
    ledger.mode = { kind: 'refuse', status: 401 };
    let ran = false;
    const run = () => {
      ran = true;
    };
    expect(await reason(recant.action('t', {}, run))).toMatchObject({ code: 'key_refused' });
    expect(ran).toBe(false);
    ledger.mode = { kind: 'up' };
    await recant.action('t', {}, run);
    expect([ran, intents().length]).toEqual([true, 1]);
  });

  test('a tool with durability none runs while the ledger is down, also as the first, and is recorded later', async () => {
    ledger.mode = { kind: 'down' };
    expect(await recant.action('look', {}, () => 'seen', { reversibility: 'read', durability: 'none' })).toBe('seen');
    ledger.mode = { kind: 'up' };
    await recant.flush();
    expect(ledger.of('recant.attempt.settled.v1')).toHaveLength(1);
  });
});

describe('the settlement', () => {
  test('is not waited for: the caller has the result while the ledger does not answer, and flush waits', async () => {
    await recant.action('t', {}, () => {
      ledger.mode = { kind: 'down' };
    });
    expect(ledger.of('recant.attempt.settled.v1')).toEqual([]);
    ledger.mode = { kind: 'up' };
    await recant.flush();
    expect(ledger.of('recant.attempt.settled.v1')).toHaveLength(1);
  });

  test('flush names the events that the ledger does not acknowledge in time', async () => {
    const { url, apiKey } = ledger;
    const impatient = createRecant({ url, apiKey, agent: 'bot', closeTimeoutMs: 100, onProblem: () => {} });
    await impatient.action('t', {}, () => {
      ledger.mode = { kind: 'down' };
    });
    expect(await reason(impatient.flush())).toMatchObject({ code: 'unacknowledged', pending: [expect.stringMatching(/settled$/)] });
    ledger.mode = { kind: 'up' };
    await ledger.until(() => ledger.of('recant.attempt.settled.v1').length === 1);
    await impatient.close().catch(() => {});
  });

  test('I1: files are read before the caller continues, a target that attributes changes itself afterwards', async () => {
    const order: string[] = [];
    for (const settlesLater of [false, true]) {
      const system = {
        ...shop,
        async capture(...given: Parameters<typeof shop.capture>) {
          const capture = await shop.capture(...given);
          return {
            ...capture,
            settlesLater,
            async *settle() {
              await new Promise((resolve) => setImmediate(resolve));
              order.push(`settled ${settlesLater}`);
              yield* capture.settle();
            },
          };
        },
      };
      const { url, apiKey } = ledger;
      const other = createRecant({ url, apiKey, agent: 'bot', systems: [system] });
      await other.action('t', {}, (context) => context.on(system).write('a'));
      order.push('returned');
      await other.close();
    }
    expect(order).toEqual(['settled false', 'returned', 'returned', 'settled true']);
  });
});

describe('a system', () => {
  test('that the tool does not use is not captured; one that it uses is captured once, before its first use', async () => {
    await recant.action('look', {}, () => {});
    expect(shop.captured).toEqual([]);
    await recant.action('write', {}, async (context) => {
      await Promise.all([context.on(shop).write('a'), context.on(shop).write('b')]);
      await (await context.on(shop)).write('c');
    });
    await recant.flush();
    expect([shop.captured.length, shop.released]).toEqual([1, 1]);
    expect(ledger.of('recant.attempt.effects.v1')[0]?.data.effects).toHaveLength(3);
    expect(intents().map(({ reversibility }) => reversibility)).toEqual(['unknown', 'unknown']);
    expect(problems).toEqual([]);
  });

  test('that cannot be captured makes the use fail, and the next use tries again', async () => {
    shop.captureErrors.push(new Error('disk full'));
    await recant.action('write', {}, async (context) => {
      expect(await reason(context.on(shop).write('a'))).toMatchObject({ code: 'capture_failed' });
      await context.on(shop).write('a');
    });
    await recant.flush();
    expect(ledger.of('recant.attempt.effects.v1')[0]?.data.effects).toHaveLength(1);
  });

  test('that createRecant does not list, or that is used after the action, is refused', async () => {
    const context = await recant.action('t', {}, (running) => {
      expect(() => running.on(memorySystem('shop'))).toThrow(expect.objectContaining({ code: 'system_unknown' }));
      return running;
    });
    expect(() => context.on(shop)).toThrow(expect.objectContaining({ code: 'closed' }));
    let late: { write(key: string): Promise<void> } | undefined;
    await recant.action('t', {}, (running) => {
      late = running.on(shop);
    });
    expect(await reason((late as NonNullable<typeof late>).write('a'))).toMatchObject({ code: 'closed' });
  });

  test('that the action declares and the tool does not use is reported once, unless the tool reads or failed', async () => {
    const declared = { systems: ['shop'] };
    await recant.action('look', {}, () => {}, { ...declared, reversibility: 'read' });
    await recant.action('broken', {}, () => Promise.reject(new Error('no')), declared).catch(() => {});
    await recant.action('used', {}, (context) => context.on(shop).write('a'), declared);
    await recant.flush();
    expect(problems).toEqual([]);
    for (let n = 0; n < 2; n += 1) await recant.action('lazy', {}, () => {}, declared);
    await recant.flush();
    expect(problems).toMatchObject([{ code: 'handle_unused', message: expect.stringContaining('lazy') }]);
  });
});

test('a nested action has the running one as parent and its session, in another async context it has none', async () => {
  const nested = recant.wrap(() => recant.current()?.action, { name: 'nested' });
  const outer = await recant.session('second').action('outer', {}, async (context) => {
    await nested();
    await new Promise((resolve) => setImmediate(resolve));
    await recant.action('other', {}, () => {}, { session: 'third' });
    return context.action;
  });
  await nested();
  expect(intents().map(({ tool, context: { parent, session } }) => [tool, parent, session])).toEqual([
    ['outer', undefined, 'second'],
    ['nested', outer, 'second'],
    ['other', outer, 'third'],
    ['nested', undefined, 'first'],
  ]);
  expect(() => recant.session('')).toThrow(expect.objectContaining({ code: 'options_invalid' }));
});

describe('wrap records a tool’s own arguments only', () => {
  const conversation = [{ role: 'user', content: 'my secret' }];

  test('the first argument; never signals, callbacks, or a conversation in later ones', async () => {
    const seen: unknown[] = [];
    const tool = recant.wrap(
      async (...given: unknown[]) => {
        seen.push(...given);
      },
      { name: 'tool' },
    );
    const signal = new AbortController().signal;
    await tool({ path: 'a', signal, onDone: () => {} }, { abortSignal: signal, messages: conversation }, () => {});
    await tool('text', conversation);
    await tool(signal);
    await tool();
    await tool({ options: { deep: [{ signal, n: 1 }, signal, () => {}] } });
    expect(seen).toHaveLength(7);
    expect(recorded()).toEqual([
      ['tool', { path: 'a' }],
      ['tool', { input: 'text' }],
      ['tool', {}],
      ['tool', {}],
      ['tool', { options: { deep: [{ n: 1 }, null, null] } }],
    ]);
  });

  test('arguments that contain themselves are refused, and the tool does not run', async () => {
    const ring: Record<string, unknown> = {};
    ring.one = ring.two = ring;
    let ran = false;
    const tool = recant.wrap(async (_input: object) => (ran = true), { name: 'tool' });
    await expect(tool(ring)).rejects.toMatchObject({ code: 'arguments_invalid' });
    expect(ran).toBe(false);
  });

  test('maps of AI SDK tools: each is recorded under its name, its other members stay, and tools without execute pass', async () => {
    const inputSchema = {};
    const tools = recant.wrap(
      {
        reprice: { description: 'd', inputSchema, execute: async ({ cents }: { cents: number }, _options: object) => cents + 1 },
        browser: { description: 'runs elsewhere' },
        async *stream(_input: { n: number }) {
          yield 1;
        },
      },
      { reprice: { name: 'reprice_product', labels: { team: 'x' } } },
    );
    expect(await tools.reprice.execute({ cents: 1 }, { messages: conversation, toolCallId: 'c' })).toBe(2);
    for await (const item of tools.stream({ n: 1 })) expect(item).toBe(1);
    expect([tools.reprice.inputSchema, tools.browser]).toEqual([inputSchema, { description: 'runs elsewhere' }]);
    expect(recorded()).toEqual([
      ['reprice_product', { cents: 1 }],
      ['stream', { n: 1 }],
    ]);
    expect(() => recant.wrap({ a: () => {} }, { b: {} } as never)).toThrow(expect.objectContaining({ code: 'options_invalid' }));
  });

  test('LangChain tools: `func` inside, else `invoke`, which gets the arguments or the model’s tool call', async () => {
    class Tool {
      readonly name = 'lookup';
      readonly calls: unknown[] = [];
      async invoke(input: unknown, _config?: object): Promise<string> {
        this.calls.push(input);
        return 'found';
      }
    }
    class FunctionTool {
      readonly name = 'add';
      readonly func: (input: { a: number }, runManager?: object, config?: object) => Promise<number>;
      constructor(func: FunctionTool['func']) {
        this.func = func;
      }
      invoke(input: { a: number }, config?: object): Promise<number> {
        return this.func(input, {}, config);
      }
    }
    const [lookup, add] = recant.wrap([new Tool(), new FunctionTool(async ({ a }) => a + 1)] as [Tool, FunctionTool]);
    const call = { type: 'tool_call', id: 'c1', name: 'lookup', args: { id: 7 } };
    expect(await lookup.invoke(call, { signal: new AbortController().signal })).toBe('found');
    expect(await add.invoke({ a: 1 }, { configurable: { messages: conversation } })).toBe(2);
    expect([lookup instanceof Tool, lookup.calls]).toEqual([true, [call]]);
    expect(recorded()).toEqual([
      ['lookup', { id: 7 }],
      ['add', { a: 1 }],
    ]);
    expect(() => recant.wrap({ execute: async () => {} })).toThrow(expect.objectContaining({ code: 'options_invalid' }));
  });
});
