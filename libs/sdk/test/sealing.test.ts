import { randomBytes } from 'node:crypto';
import { openPart, type PartReference, sealingKeyOf } from '@recant/events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRecant, httpTransport, type RecantError, type RecantOptions, type SealingKey } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';

const SECRET = `${'gh'}p_${'a1'.repeat(18)}`;

let ledger: FakeLedger;
let problems: RecantError[];
let made: { subject: string; key: SealingKey }[];
let failing: Error | undefined;
let nowMs: number;
beforeEach(async () => {
  ledger = await startLedger();
  problems = [];
  made = [];
  failing = undefined;
  nowMs = Date.UTC(2026, 0, 1);
});
afterEach(async () => {
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});

const dataKey = async (subject: string): Promise<SealingKey> => {
  if (failing) throw failing;
  const key = { keyId: randomBytes(16).toString('hex'), key: new Uint8Array(randomBytes(32)), tenant: 'acme' };
  made.push({ subject, key });
  return key;
};

const opened = async (options: Partial<RecantOptions> = {}) => {
  const recant = createRecant({
    url: ledger.url,
    apiKey: ledger.apiKey,
    agent: 'bot',
    redaction: { personal: true },
    sealing: { dataKey },
    clock: () => nowMs,
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  await recant.open();
  return recant;
};
const contents = () => [
  ...ledger.of('recant.attempt.intended.v1').map(({ data }) => data.arguments),
  ...ledger.of('recant.attempt.settled.v1').flatMap(({ data }) => (data.result === undefined ? [] : [data.result])),
];
const parts = (): PartReference[] => contents().flatMap((content) => ('part' in content ? [content.part] : []));
const openedPart = ({ digest, subject = '' }: PartReference): unknown => {
  const bytes = ledger.parts.get(digest) as Uint8Array;
  const key = made.find(({ key: { keyId } }) => keyId === sealingKeyOf(bytes))?.key as SealingKey;
  return JSON.parse(Buffer.from(openPart(bytes, key, { tenant: key.tenant, subject }) ?? []).toString());
};
const sent = (): string =>
  JSON.stringify([ledger.events, [...ledger.parts.values()].map((bytes) => Buffer.from(bytes).toString('latin1'))]);

test('arguments with a personal value are sealed as a whole into a part, with their credentials masked', async () => {
  const recant = await opened();
  const given = { to: 'ada@example.com', text: `use ${SECRET}`, n: 1 };
  await recant.action('mail', given, () => {}, { subject: 'customer/42' });
  await recant.close();
  const [part] = parts() as [PartReference];
  expect(part.subject).toBe('customer/42');
  expect(part.size).toBe(ledger.parts.get(part.digest)?.length);
  expect(openedPart(part)).toEqual({ to: 'ada@example.com', text: expect.stringMatching(/^use \[github-token#/), n: 1 });
  expect(sent()).not.toMatch(new RegExp(`ada@|${SECRET}`));
  expect(problems).toEqual([]);
});

test('results are sealed like arguments, and content without personal values is not sealed', async () => {
  const recant = await opened({ sealing: { dataKey, subject: 'customer/7' } });
  const find = recant.wrap(async (_: { id: number }) => ({ email: 'ada@example.com' }), { name: 'find', result: (found) => found });
  await find({ id: 7 });
  await recant.close();
  expect(ledger.of('recant.attempt.intended.v1')[0]?.data.arguments).toEqual({ inline: { id: 7 } });
  expect(parts().map((part) => [part.subject, openedPart(part)])).toEqual([['customer/7', { email: 'ada@example.com' }]]);
});

test('each subject has its own key, which is reused and replaced after an hour', async () => {
  const recant = await opened();
  const mail = recant.wrap((_: { to: string }) => {}, { name: 'mail', subject: ({ to }) => (to.startsWith('ada') ? 'ada' : undefined) });
  await Promise.all([mail({ to: 'ada@example.com' }), mail({ to: 'ada@example.com' }), mail({ to: 'eve@example.com' })]);
  expect(made.map(({ subject }) => subject).sort()).toEqual(['ada', 'agent/bot']);
  nowMs += 3_600_000;
  await mail({ to: 'ada@example.com' });
  await recant.close();
  expect(made.map(({ subject }) => subject).sort()).toEqual(['ada', 'ada', 'agent/bot']);
  expect(parts().map(({ subject }) => subject)).toEqual(['ada', 'ada', 'agent/bot', 'ada']);
  // The same content sealed twice under one key gives different bytes.
  const [one, two] = parts().map(({ digest }) => Buffer.from(ledger.parts.get(digest) as Uint8Array));
  expect(one?.subarray(22).equals(two?.subarray(22) as Buffer)).toBe(false);
});

test('without a key content is masked, onProblem is called once, and a key is requested again later', async () => {
  const recant = await opened();
  const mail = () => recant.action('mail', { to: 'ada@example.com' }, () => {});
  failing = new Error(`no keys for ada@example.com`);
  await mail();
  await mail();
  expect(problems).toEqual([expect.objectContaining({ code: 'sealing_failed', message: expect.not.stringContaining('ada@') })]);
  failing = undefined;
  await mail();
  expect(made).toEqual([]);
  nowMs += 10_000;
  await mail();
  failing = new Error('again');
  nowMs += 3_600_000;
  await mail();
  await recant.close();
  expect(problems.map(({ code }) => code)).toEqual(['sealing_failed', 'sealing_failed']);
  expect(contents().map((content) => Object.keys(content)[0])).toEqual(['inline', 'inline', 'inline', 'part', 'inline']);
  expect(sent()).not.toContain('ada@');
});

test('content is masked if sealing is off or the transport cannot get keys', async () => {
  const { dataKey: _none, ...bare } = httpTransport({ url: ledger.url, apiKey: ledger.apiKey });
  for (const options of [{ sealing: false }, { sealing: {}, transport: bare }] as const) {
    const recant = await opened(options);
    await recant.action('mail', { to: 'ada@example.com' }, () => {});
    await recant.close();
  }
  const masked = { inline: { to: expect.stringMatching(/^\[email#.{8}\]$/) } };
  expect(contents()).toEqual([masked, masked]);
  expect(problems).toEqual([]);
});

test('by default keys come from the ledger over HTTP, and its refusal is reported', async () => {
  const recant = await opened({ sealing: {} });
  await recant.action('mail', { to: 'ada@example.com' }, () => {});
  await recant.close();
  expect(problems.map(({ code }) => code)).toEqual(['sealing_failed']);
  expect(sent()).not.toContain('ada@');
});

test('a subject that matches a rule is refused, because it is logged permanently', async () => {
  const recant = await opened();
  const refused = recant.action('mail', {}, () => {}, { subject: 'ada@example.com' });
  await expect(refused).rejects.toMatchObject({ code: 'redaction_refused', finding: { rule: 'email', place: 'subject' } });
  await expect(recant.action('mail', {}, () => {}, { subject: 'a\nb' })).rejects.toMatchObject({ code: 'options_invalid' });
  await recant.close();
  expect(() =>
    createRecant({
      url: ledger.url,
      apiKey: ledger.apiKey,
      agent: 'b',
      redaction: { personal: true },
      sealing: { subject: 'ada@example.com' },
    }),
  ).toThrow(expect.objectContaining({ code: 'options_invalid' }));
});

test('arguments are copied before a key is requested', async () => {
  let give: (key: SealingKey) => void = () => {};
  const recant = await opened({ sealing: { dataKey: () => new Promise((resolve) => (give = resolve)) } });
  const given = { to: 'ada@example.com' };
  const done = recant.action('mail', given, () => {});
  given.to = 'changed@example.com';
  const key = await dataKey('agent/bot');
  give(key);
  await done;
  await recant.close();
  expect(openedPart(parts()[0] as PartReference)).toEqual({ to: 'ada@example.com' });
});

test('content that exceeds the size limit once sealed is too large, and the tool does not run', async () => {
  const recant = await opened();
  let ran = false;
  const text = 'x'.repeat(524_288 - '{"text":"","to":"ada@example.com"}'.length);
  await expect(
    recant.action('mail', { to: 'ada@example.com', text }, () => {
      ran = true;
    }),
  ).rejects.toMatchObject({ code: 'too_large' });
  expect(ran).toBe(false);
  await recant.close();
});
