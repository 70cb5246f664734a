import { percentEncode } from '@recant/events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ActionOptions, createRecant, RecantError, type RecantOptions } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';
import { type MemorySystem, memorySystem } from './systems.ts';

/** A credential of no service, made of pieces. */
const SECRET = `${'gh'}p_${'a1'.repeat(18)}`;
const MASKED = /\[github-token#[0-9a-f]{8}\]/;

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

const opened = async (options: Partial<RecantOptions> = {}) => {
  const recant = createRecant({
    url: ledger.url,
    apiKey: ledger.apiKey,
    agent: 'bot',
    systems: [shop],
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  await recant.open();
  return recant;
};
const sent = (): string => JSON.stringify([ledger.events, [...ledger.parts.values()].map((bytes) => Buffer.from(bytes).toString())]);
const intent = () => ledger.of('recant.attempt.intended.v1')[0]?.data;
const settlement = () => ledger.of('recant.attempt.settled.v1')[0]?.data;

test('arguments, context and labels are recorded masked, and the tool gets the originals', async () => {
  const recant = await opened({ session: `s ${SECRET}`, onBehalfOf: `o ${SECRET}`, model: `m ${SECRET}` });
  const given = { key: SECRET, many: [{ password: 'hunter2' }], [SECRET]: 1 };
  const tool = recant.wrap((input: typeof given) => input, {
    name: 'deploy',
    labels: { team: `t ${SECRET}`, password: 'hunter2', plain: 'x' },
  });
  expect(await tool(given)).toBe(given);
  expect(given).toMatchObject({ key: SECRET, many: [{ password: 'hunter2' }] });
  await recant.close();
  expect(sent()).not.toMatch(new RegExp(`${SECRET}|hunter2`));
  expect(intent()).toMatchObject({
    arguments: { inline: { key: expect.stringMatching(MASKED) } },
    context: {
      session: expect.stringMatching(/^s \[github-token#/),
      onBehalfOf: expect.stringMatching(/^o \[/),
      model: expect.stringMatching(/^m \[/),
      labels: { team: expect.stringMatching(/^t \[/), password: expect.stringMatching(/^\[secret-field#/), plain: 'x' },
    },
  });
});

test('arguments stored as a part are masked as well', async () => {
  const recant = await opened();
  await recant.action('t', { text: `${'x'.repeat(20_000)} ${SECRET}` }, () => {});
  await recant.close();
  expect(ledger.parts.size).toBe(1);
  expect(sent()).not.toContain(SECRET);
});

test('names and labels with masks still fit an event', async () => {
  const address = '203.0.113.7 ';
  const recant = await opened({ redaction: { personal: 'mask' }, session: address.repeat(21).trim() });
  await recant.action('t', {}, () => {}, { labels: { hosts: address.repeat(21).trim() } });
  await recant.close();
  expect(intent()?.context).toMatchObject({
    session: expect.stringMatching(/^\[ip-address#.{8}\]$/),
    labels: { hosts: expect.stringMatching(/^\[label#.{8}\]$/) },
  });
});

test('errors are recorded masked, truncated or not, and rethrown unchanged', async () => {
  const recant = await opened();
  const error = Object.assign(new Error(`connect failed: postgres://app:hunter2@db/shop with ${SECRET}`), { code: `E_${SECRET}` });
  await expect(recant.action('t', {}, () => Promise.reject(error))).rejects.toBe(error);
  // The limit falls into the credential, so the whole credential is dropped.
  const long = `${'y'.repeat(65_530)} ${SECRET}`;
  await expect(recant.action('t', {}, () => Promise.reject(new Error(long)))).rejects.toThrow();
  const edge = `${'z '.repeat(1_018)}${SECRET}`;
  await expect(recant.action('t', {}, () => Promise.reject(new Error(edge)))).rejects.toThrow();
  await recant.close();
  expect(sent()).not.toMatch(/hunter2|gh_?p_a1/);
  expect(settlement()?.error).toEqual({
    code: expect.stringMatching(/^E_\[|^Error$/),
    message: expect.stringMatching(/^connect failed: postgres:\/\/app:\[url-password#.{8}\]@db\/shop with \[github-token#.{8}\]$/),
  });
});

test('results are recorded masked, and only if the tool reports them', async () => {
  const recant = await opened();
  const login = recant.wrap(async () => ({ token: SECRET, user: 'ada', rows: 3n }), {
    name: 'login',
    result: ({ token, user }) => ({ token, user }),
  });
  expect(await login()).toEqual({ token: SECRET, user: 'ada', rows: 3n });
  await recant.flush();
  expect(settlement()?.result).toEqual({ inline: { token: expect.stringMatching(MASKED), user: 'ada' } });
  const large = await recant.action('large', {}, (context) => {
    context.result({ text: 'x'.repeat(20_000) });
    return 'given';
  });
  expect(large).toBe('given');
  await recant.action('none', {}, () => 'nothing is kept of this');
  expect(problems).toEqual([]);
  const failing = recant.wrap(() => 5, { name: 'failing', result: () => ({ nan: Number.NaN }) });
  expect(await failing()).toBe(5);
  await recant.close();
  expect(problems).toEqual([expect.objectContaining({ code: 'arguments_invalid' })]);
  expect(ledger.of('recant.attempt.settled.v1').map(({ data }) => data.result && Object.keys(data.result)[0])).toEqual([
    'inline',
    'part',
    undefined,
    undefined,
  ]);
  expect(sent()).not.toMatch(new RegExp(`${SECRET}|nothing is kept`));
});

test.for<[string, ActionOptions & { tool?: string }, string]>([
  ['a resource', { resources: [`memory://shop/a/${SECRET}`] }, 'resources[0]'],
  ['an invalid resource', { resources: [`https://bot:${SECRET}@host/x`] }, 'resources[0]'],
  [
    'an expected resource',
    { resources: ['memory://shop/a'], expectedAfter: { [`memory://shop/${SECRET}`]: { x: null } } },
    'a resource of expectedAfter',
  ],
  [
    'an expected part',
    { resources: ['memory://shop/a'], expectedAfter: { 'memory://shop/a': { [SECRET]: null } } },
    'a part of expectedAfter',
  ],
  ['the name of the tool', { tool: `deploy ${SECRET}` }, 'tool'],
])('a secret in %s is refused before the tool runs, by rule and place', async ([, { tool = 't', ...input }, place]) => {
  const recant = await opened();
  let ran = false;
  const error = await recant
    .action(
      tool,
      {},
      () => {
        ran = true;
      },
      input,
    )
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'redaction_refused', finding: { rule: expect.any(String), place } });
  expect(String(error)).not.toContain(SECRET);
  expect([ran, shop.captured]).toEqual([false, []]);
  await recant.close();
  expect(sent()).not.toContain(SECRET);
});

test('an effect on a resource whose name matches a rule is recorded under masked names, without compensation, and reported to onProblem', async () => {
  const recant = await opened();
  const context = await recant.action('t', {}, async (running) => {
    await running.on(shop).write(`keys/${percentEncode(SECRET)}/old`);
    await running.on(shop).write('plain');
    return running;
  });
  await recant.close();
  const effects = ledger.of('recant.attempt.effects.v1').flatMap(({ data }) => data.effects);
  expect(effects).toEqual([
    {
      resource: expect.stringMatching(/^memory:\/\/shop\/keys\/%5Bgithub-token%23[0-9a-f]{8}%5D\/old$/),
      operation: 'write',
      ordinal: '1',
      parts: { value: { before: null, after: 'v1.1' } },
    },
    expect.objectContaining({ resource: 'memory://shop/plain', compensation: { connector: 'memory', images: ['2'] } }),
  ]);
  expect(settlement()).toMatchObject({ effects: 2, outcome: 'succeeded' });
  expect(problems).toEqual([expect.objectContaining({ code: 'effect_masked', message: expect.stringContaining(context.action) })]);
  expect(sent()).not.toContain(SECRET);
});

test('a secret that spans segments of a path, or is in a path of maximum length, masks the whole path', async () => {
  const recant = await opened({ redaction: { personal: 'mask' } });
  const deep = `${'1.1.1.1/'.repeat(120)}x`;
  await recant.action('t', {}, async (running) => {
    await running.on(shop).write('password=/hunter2');
    await running.on(shop).write(deep);
  });
  await recant.close();
  const [across, long] = ledger.of('recant.attempt.effects.v1').flatMap(({ data }) => data.effects.map(({ resource }) => resource));
  expect(across).toMatch(/^memory:\/\/shop\/(password%3D\/)?%5B[a-z-]+%23[0-9a-f]{8}%5D(\/%5B.*)?$/);
  expect(across).not.toContain('hunter2');
  expect(long).toMatch(/^memory:\/\/shop\/%5Bip-address%23[0-9a-f]{8}%5D$/);
});

test('before versions of resources whose names match a rule are omitted', async () => {
  const recant = await opened();
  const system = {
    ...shop,
    capture: async (...given: Parameters<MemorySystem['capture']>) => ({
      ...(await shop.capture(...given)),
      before: {
        [`memory://shop/${SECRET}`]: { value: 'v1.x' },
        'memory://shop/b': { value: 'v1.y' },
        'memory://shop/c': { [SECRET]: 'v1.z' },
      },
    }),
  };
  await recant.close();
  const other = await opened({ systems: [system] });
  await other.action('t', {}, () => {}, { systems: ['shop'] });
  await other.close();
  expect(intent()?.before).toEqual({ 'memory://shop/b': { value: 'v1.y' } });
});

test('errors and warnings of the SDK contain no matched value, nor do their causes as printed in a log', async () => {
  const detail = Object.assign(new Error(`duplicate key (password=hunter2)`), { code: '23505', detail: `Key (token)=(${SECRET})` });
  shop.captureErrors.push(new Error('capture failed', { cause: detail }));
  const recant = await opened();
  const thrown = await recant.action('t', {}, () => {}, { systems: ['shop'] }).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: 'capture_failed', cause: { message: 'capture failed' } });
  shop.settleErrors.push(detail);
  await recant.action('t', {}, async (context) => {
    await context.on(shop).write('a');
    await context.on(shop).write('b');
  });
  await expect(recant.close()).rejects.toMatchObject({ code: 'unacknowledged' });
  expect(problems).toEqual([expect.objectContaining({ code: 'settlement_failed', cause: expect.objectContaining({ code: '23505' }) })]);
  const { inspect } = await import('node:util');
  expect(inspect([thrown, problems], { depth: 10 })).not.toMatch(new RegExp(`${SECRET}|hunter2`));
});

test('an error without a matched value keeps its cause, by identity', async () => {
  const cause = new Error('the disk is full');
  shop.captureErrors.push(cause);
  const recant = await opened();
  await expect(recant.action('t', {}, () => {}, { systems: ['shop'] })).rejects.toMatchObject({ cause });
  await recant.close();
});

test('a trace state with a secret is dropped', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const recant = await opened({ trace: () => ({ traceparent, tracestate: `vendor=${SECRET}` }) });
  await recant.action('t', {}, () => {});
  await recant.close();
  expect(ledger.of('recant.attempt.intended.v1')[0]).toMatchObject({ traceparent });
  expect(sent()).not.toContain(SECRET);
});

test('an agent or source whose name matches a rule is refused', () => {
  for (const named of [{ agent: SECRET }, { sourcePrefix: `recant://${SECRET}` }]) {
    expect(() => createRecant({ url: 'http://127.0.0.1:1', apiKey: ledger.apiKey, agent: 'bot', ...named })).toThrow(RecantError);
  }
});

test('redaction errors become RecantErrors: invalid rules before anything runs, refused values with rule and place', async () => {
  expect(() => createRecant({ url: ledger.url, apiKey: ledger.apiKey, agent: 'bot', redaction: { except: ['emial'] } })).toThrow(
    expect.objectContaining({ name: 'RecantError', code: 'options_invalid', message: expect.stringContaining('emial') }),
  );
  const recant = await opened({ redaction: { secrets: 'refuse' } });
  for (const [args, options, place] of [
    [{ a: [SECRET] }, {}, 'arguments.a[0]'],
    [{}, { labels: { a: SECRET } }, 'labels.a'],
  ] as const) {
    const refused = recant.action('t', args, () => expect.unreachable(), options);
    await expect(refused).rejects.toMatchObject({
      name: 'RecantError',
      code: 'redaction_refused',
      finding: { rule: 'github-token', place },
      message: expect.stringContaining('the tool did not run'),
    });
  }
  await recant.close();
});
