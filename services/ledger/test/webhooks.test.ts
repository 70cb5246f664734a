import { randomBytes } from 'node:crypto';
import { createLogger } from '@recant/service';
import { createStore, type Store } from '@recant/store';
import { type TestDatabase, testLedgerDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createWebhookDelivery, type WebhookDelivery, type WebhookTiming } from '../src/webhooks/delivery.ts';
import type { Webhook } from '../src/webhooks/read-webhooks.ts';
import { parseSecret } from '../src/webhooks/sign.ts';
import { startLedger } from './harness.ts';
import { newSecret, type Receiver, startReceiver } from './receiver.ts';

const FAST: Partial<WebhookTiming> = {
  ...{ everyMs: 20, upkeepMs: 30, holdMs: 5_000, failingMs: 0, post: { connectMs: 1_000, wholeMs: 1_000 } },
  delayMs: () => 30,
};
const CODE = 'source_gap' as const;

let database: TestDatabase;
let owner: pg.Client;
const ending: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await testLedgerDatabase();
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
  await owner.query(
    'DELETE FROM recant.webhook; DELETE FROM recant.webhook_message; UPDATE recant.alarm SET ended_at = now() WHERE ended_at IS NULL',
  );
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

function openStore(): Store {
  const store = createStore({ connectionString: database.url, masterKey: randomBytes(32) });
  ending.push(() => store.close());
  return store;
}

async function receiver(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const started = await startReceiver(...args);
  ending.push(() => started.close());
  return started;
}

const webhook = ({ url, secret }: Pick<Receiver, 'url' | 'secret'>, over: Partial<Webhook> = {}): Webhook => ({
  ...{ name: 'oncall', url: new URL(url), secrets: [parseSecret(secret) as Uint8Array], codes: [CODE], format: 'recant' },
  ...over,
});

/** A delivery of one replica, whose webhooks are registered. */
async function deliver(store: Store, webhooks: readonly Webhook[], timing: Partial<WebhookTiming> = {}): Promise<WebhookDelivery> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const delivery = createWebhookDelivery({ webhooks, store: store.webhooks, logger, clock: Date.now, timing: { ...FAST, ...timing } });
  delivery.start();
  ending.push(() => delivery.stop());
  await waitUntil(() => delivery.states().length === webhooks.length);
  return delivery;
}

const condition = (subject: string, code: string = CODE) => ({ code, subject, detail: `a detail of ${subject}`, action: 'Do something.' });
const raise = (store: Store, ...subjects: string[]) =>
  store.alarms.raise(
    'acme',
    subjects.map((one) => condition(one)),
  );
const clear = (store: Store, ...subjects: string[]) => store.alarms.clear('acme', CODE, subjects);
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const waiting = async (store: Store, name = 'oncall') => (await store.webhooks.states([name]))[0]?.waiting;

test('an alarm is one signed message at its start and one at its end', async () => {
  const store = openStore();
  const target = await receiver();
  await deliver(store, [webhook(target)]);
  await raise(store, 's');
  await raise(store, 's');
  await waitUntil(() => target.received.length === 1);
  await clear(store, 's');
  await clear(store, 's');
  await waitUntil(async () => target.received.length === 2 && (await waiting(store)) === 0);
  expect(target.phasesOf('s')).toEqual(['ended', 'started']);
  expect(target.received.map(({ signed }) => signed)).toEqual([true, true]);
  expect(target.received[0]).toMatchObject({ path: '/hook', headers: { 'content-type': 'application/json', 'user-agent': 'recant' } });
  expect(JSON.parse(target.received[1]?.body ?? '')).toMatchObject({
    data: { tenant: 'acme', code: CODE, subject: 's', detail: 'a detail of s' },
  });
});

test('during a rotation each message has a signature of each secret', async () => {
  const store = openStore();
  const [before, after] = [newSecret(), newSecret()];
  const [old, fresh] = [await receiver(before), await receiver(after)];
  const secrets = [after, before].map((text) => parseSecret(text) as Uint8Array);
  await deliver(store, [webhook(old, { name: 'old', secrets }), webhook(fresh, { name: 'fresh', secrets })]);
  await raise(store, 's');
  await waitUntil(() => old.received.length === 1 && fresh.received.length === 1);
  expect([old.received[0]?.signed, fresh.received[0]?.signed]).toEqual([true, true]);
});

test('two replicas send each message once', async () => {
  const target = await receiver();
  const [one, other] = [openStore(), openStore()];
  await Promise.all([one, other].map((store) => deliver(store, [webhook(target)])));
  const subjects = numbered('s', 40);
  await Promise.all([one, other].map((store) => raise(store, ...subjects)));
  await Promise.all([one, other].map((store) => clear(store, ...subjects)));
  await waitUntil(async () => (await waiting(one)) === 0);
  expect(new Set(target.received.map(({ id }) => id)).size).toBe(80);
  expect(target.received).toHaveLength(80);
});

test('what a stopped process has not delivered, and what a killed one was sending, the next one delivers', async () => {
  const before = openStore();
  const target = await receiver();
  const { url } = target;
  await target.close();
  const first = await deliver(before, [webhook(target)]);
  await raise(before, 'a', 'b', 'c');
  await waitUntil(() => first.conditions().length > 0);
  await first.stop();
  await raise(before, 'd');
  // As a process that is killed in the middle of a request leaves it.
  expect(await before.webhooks.claim('oncall', 1, 300)).toHaveLength(1);
  const back = await receiver(target.secret, Number(new URL(url).port));
  await deliver(openStore(), [webhook(back)]);
  await waitUntil(() => back.received.length === 4);
  expect(['a', 'b', 'c', 'd'].map((subject) => back.phasesOf(subject))).toEqual(Array(4).fill(['started']));
});

test('a stop cuts off a request that hangs, and its message is sent by the next process at once', async () => {
  const target = await receiver();
  target.behave(() => undefined);
  const first = await deliver(openStore(), [webhook(target)], { holdMs: 600_000, post: { connectMs: 60_000, wholeMs: 60_000 } });
  const store = openStore();
  await raise(store, 's');
  await waitUntil(() => target.received.length === 1);
  await first.stop();
  target.behave();
  await deliver(store, [webhook(target)]);
  await waitUntil(() => target.received.length === 2);
  expect(target.received[1]?.id).toBe(target.received[0]?.id);
});

test('a receiver that hangs, refuses, redirects or floods delays no other, and gets the same message again until it accepts', async () => {
  const store = openStore();
  const [works, hangs, refuses, redirects, floods, elsewhere] = await Promise.all(Array.from({ length: 6 }, () => receiver()));
  if (!works || !hangs || !refuses || !redirects || !floods || !elsewhere) throw new Error('six receivers');
  hangs.behave(() => undefined);
  refuses.behave((_, outgoing) => outgoing.writeHead(500).end('no'));
  redirects.behave((_, outgoing) => outgoing.writeHead(307, { location: elsewhere.url }).end());
  let cutOff = false;
  floods.behave((_, outgoing) => {
    outgoing.writeHead(200).on('close', () => {
      cutOff = true;
    });
    const more = (): void =>
      void (outgoing.destroyed || (outgoing.write('x'.repeat(65_536)) ? setImmediate(more) : outgoing.once('drain', more)));
    more();
  });
  const all = { works, hangs, refuses, redirects, floods };
  const delivery = await deliver(
    store,
    Object.entries(all).map(([name, one]) => webhook(one, { name })),
  );
  await raise(store, 's');
  await waitUntil(
    () =>
      works.received.length === 1 && cutOff && refuses.received.length > 2 && redirects.received.length > 2 && hangs.received.length > 1,
  );
  await waitUntil(() => delivery.conditions().length === 3);
  expect(delivery.conditions().map(({ code, subject, detail }) => [code, subject, detail.replace(/ since .*?Z/, '')])).toEqual([
    ['webhook_failing', 'hangs', 'The webhook hangs has accepted nothing: no answer within 1000 ms.'],
    ['webhook_failing', 'redirects', 'The webhook redirects has accepted nothing: answered 307.'],
    ['webhook_failing', 'refuses', 'The webhook refuses has accepted nothing: answered 500.'],
  ]);
  expect(await delivery.health()).toMatchObject({
    status: 'degraded',
    elsewhere: true,
    detail: expect.stringContaining('recant webhooks test'),
  });
  for (const one of [hangs, refuses, redirects]) one.behave();
  await waitUntil(() => delivery.conditions().length === 0 && delivery.states().every((state) => state.waiting === 0));
  expect(await delivery.health()).toEqual({ status: 'ok' });
  expect([works.received.length, floods.received.length, elsewhere.received.length]).toEqual([1, 1, 0]);
  for (const one of Object.values(all)) expect(new Set(one.received.map(({ id }) => id)).size).toBe(1);
});

test('each attempt is signed with its own time and has the same id and body, even if the alarm says something else since', async () => {
  const store = openStore();
  const target = await receiver();
  target.behave((_, outgoing) => outgoing.writeHead(503, { 'retry-after': '1' }).end());
  await deliver(store, [webhook(target)]);
  await raise(store, 's');
  await waitUntil(() => target.received.length > 0);
  await store.alarms.raise('acme', [{ ...condition('s'), detail: 'another' }]);
  await waitUntil(() => target.received.length > 2);
  expect(new Set(target.received.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
  expect(target.received.every(({ signed }) => signed)).toBe(true);
});

test('above its limit a tenant loses its own oldest messages, nobody else’s, and an alarm says so', async () => {
  const store = openStore();
  const target = await receiver();
  target.behave((_, outgoing) => outgoing.writeHead(500).end());
  await deliver(store, [webhook(target)], { ofTenantMax: 1_000_000 });
  await raise(store, ...numbered('old', 10));
  await raise(store, ...numbered('new', 5));
  await store.alarms.raise('quiet', [condition('q')]);
  for (const end of ending.splice(2)) await end();
  const delivery = await deliver(store, [webhook(target)], { ofTenantMax: 5 });
  await waitUntil(() => delivery.states()[0]?.dropped === 10);
  target.behave();
  await waitUntil(async () => (await waiting(store)) === 0);
  const accepted = new Set(target.received.slice(-6).map(({ body }) => JSON.parse(body).data.subject));
  expect([...accepted].sort()).toEqual([...numbered('new', 5), 'q']);
  await waitUntil(() => delivery.states()[0]?.failing === undefined);
  expect(delivery.conditions()).toMatchObject([
    { code: 'webhook_failing', subject: 'oncall', detail: expect.stringMatching(/^Messages .* were given up/) },
  ]);
});

test('a message that nobody accepts for a day is given up', async () => {
  const store = openStore();
  const target = await receiver();
  target.behave((_, outgoing) => outgoing.writeHead(500).end());
  const delivery = await deliver(store, [webhook(target)]);
  await raise(store, 'old', 'young');
  await owner.query("UPDATE recant.webhook_message SET queued_at = now() - interval '25 hours' WHERE subject = 'old'");
  await waitUntil(() => delivery.states()[0]?.dropped === 1);
  expect(await waiting(store)).toBe(1);
});

test('a new webhook is sent the alarms that are open, each once, also those that start meanwhile', async () => {
  const store = openStore();
  const target = await receiver();
  await raise(store, 'before', 'over');
  await clear(store, 'over');
  const during = Promise.all(numbered('during', 20).map((subject) => raise(store, subject)));
  await deliver(openStore(), [webhook(target)]);
  await during;
  await waitUntil(async () => target.received.length >= 21 && (await waiting(store)) === 0);
  expect(['before', ...numbered('during', 20)].map((subject) => target.phasesOf(subject))).toEqual(Array(21).fill(['started']));
  expect(target.received).toHaveLength(21);
});

test('a webhook is sent the conditions that it names; one that left the configuration is forgotten after a day', async () => {
  const store = openStore();
  const [some, gone] = [await receiver(), await receiver()];
  await store.webhooks.register([webhook(some, { codes: ['log_tampered'] }), webhook(gone, { name: 'gone' })]);
  await store.alarms.raise('acme', [condition('s'), condition('t', 'log_tampered'), condition('oncall', 'webhook_failing')]);
  await deliver(store, [webhook(some, { codes: ['log_tampered', 'webhook_failing'] })]);
  await waitUntil(() => some.received.length === 1);
  expect(some.phasesOf('t')).toEqual(['started']);
  // Its own failure is nothing that it could be told.
  await store.alarms.clear('acme', 'webhook_failing', ['oncall']);
  await store.alarms.raise('acme', [condition('other', 'webhook_failing')]);
  await waitUntil(() => some.received.length === 2);
  expect(some.phasesOf('other')).toEqual(['started']);
  expect(await store.webhooks.states(['gone'])).toMatchObject([{ waiting: 1 }]);
  await owner.query("UPDATE recant.webhook SET seen_at = now() - interval '25 hours' WHERE name = 'gone'");
  await waitUntil(async () => (await store.webhooks.states(['gone'])).length === 0);
  expect((await owner.query("SELECT FROM recant.webhook_message WHERE webhook = 'gone'")).rowCount).toBe(0);
});

test('a ledger reports a webhook that fails in its health, alarms and metrics, and to another webhook', async () => {
  const [works, fails] = [await receiver(), await receiver()];
  fails.behave((_, outgoing) => outgoing.writeHead(410).end());
  const codes = [CODE, 'webhook_failing'] as const;
  const ledger = await startLedger({
    ...{ alarmMs: 30, webhookTiming: FAST, databaseUrl: database.url },
    webhooks: [webhook(works, { name: 'works', codes }), webhook(fails, { name: 'fails', codes })],
  });
  ending.push(() => ledger.stop());
  await raise(ledger.store, 's');
  await waitUntil(() => works.phasesOf('fails').length === 1);
  expect(fails.phasesOf('fails')).toEqual([]);
  expect((await fetch(`${ledger.url}/health`)).status).toBe(200);
  const health = await waitUntil(async () => {
    const found = await ledger.owner.healthDetails();
    return found.checks?.webhooks?.status === 'degraded' && found.alarms?.length ? found : undefined;
  });
  expect(health.alarms).toMatchObject([{ code: 'webhook_failing', subject: 'fails', detail: expect.stringContaining('answered 410') }]);
  const { apiKey } = await ledger.makeKey({ tenant: 'recant', roles: ['monitor'], agents: [] });
  const text = await (await fetch(`${ledger.url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } })).text();
  expect(text).toMatch(/^recant_webhook_messages\{webhook="fails"\} 1$/m);
  expect(text).toMatch(/^recant_webhook_failing_seconds\{webhook="works"\} 0$/m);
  expect(text).toMatch(/^recant_conditions\{code="webhook_failing"\} 1$/m);
  fails.behave();
  await waitUntil(() => works.phasesOf('fails').length === 2);
});
