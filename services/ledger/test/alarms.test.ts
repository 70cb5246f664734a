import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { OPERATOR_TENANT } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../src/wire.ts';
import { type RunningLedger, startLedger, TENANT } from './harness.ts';
import { changed, TestSource } from './producer.ts';

let ledger: RunningLedger;
let anchorFails = true;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-alarms-'));
  const real = folderAnchor(folder);
  const put: typeof real.put = (checkpoint) => (anchorFails ? Promise.reject(new Error('the folder is away')) : real.put(checkpoint));
  const anchor = { name: real.name, put, latest: (origin: string) => real.latest(origin) };
  const keys = parseSigningKeys(newSigningKey('example.org/ledger'), 'a test');
  const timing = { integrateMs: 20, publishMs: 20, anchorMs: 20, headMs: 1_000_000_000 };
  ledger = await startLedger({ alarmMs: 20, evidence: { keys, anchors: [anchor], timing } });
}, 60_000);
afterAll(async () => {
  await ledger?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** @returns with what ends waits that a test began */
async function disposableLedger(options: Parameters<typeof startLedger>[0]) {
  const own = await startLedger(options);
  const release: (() => void)[] = [];
  const dispose = async (): Promise<void> => {
    for (const each of release) each();
    await own.stop();
  };
  return { owner: own.owner, agents: own.agents, release, [Symbol.asyncDispose]: dispose };
}

interface Shown {
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
  readonly acknowledged?: object;
}
const healthOf = async (client = ledger.operator) => (await client.healthDetails()) as { status: string; alarms: Shown[] };
const codesOf = async (client = ledger.operator) => (await healthOf(client)).alarms.map(({ code }) => code);
const probe = async (path: string) => (await fetch(`${ledger.url}${path}`)).status;

test('a freeze is an alarm within a round and degrades no health: somebody ordered it', async () => {
  const { operator, store } = ledger;
  const { id } = await store.freezes.order(TENANT, { scope: 'agent', value: 'pricing-bot', reason: 'wrong prices', by: 'person:ada' });
  const health = await waitUntil(async () => {
    const found = await operator.healthDetails();
    return found.alarms?.length === 1 ? found : undefined;
  });
  expect(health).toMatchObject({ status: 'ok', alarms: [{ code: 'frozen', subject: 'agent pricing-bot' }] });
  await store.freezes.thaw(TENANT, id, { by: 'person:ada', reason: 'corrected' });
  await waitUntil(async () => (await operator.healthDetails()).alarms?.length === 0);
});

test('refused messages degrade the health of their tenant alone, until acknowledged; the act names the alarm and the reason', async () => {
  const source = new TestSource('bot');
  const event = source.opened();
  await ledger.agents.submitEvent(event);
  await ledger.agents.submitBatch([changed(event, { time: '2029-01-01T00:00:00.000Z' })]);
  await waitUntil(async () => (await codesOf()).includes('dead_letters'));
  expect((await healthOf()).status).toBe('degraded');
  const { apiKey } = await ledger.makeKey({ tenant: 'globex', roles: ['view', 'administer'], agents: [] });
  expect(await healthOf(ledger.client(apiKey))).toMatchObject({ alarms: [] });
  const [alarm] = (await ledger.operator.alarms({ open: true })).items;
  expect(alarm).toMatchObject({ code: 'dead_letters', subject: 'equivocation', action: expect.stringMatching(/\S/) });
  const given = await ledger.operator.acknowledgeAlarm(alarm?.alarm ?? '', 'a known test');
  expect(given.acknowledged?.by).toMatch(/\S/);
  const acts = (await ledger.operator.acts()).items.map(({ event }) => event.data);
  expect(acts).toContainEqual(
    expect.objectContaining({
      outcome: 'done',
      object: { alarm: alarm?.alarm, code: 'dead_letters', subject: 'equivocation' },
      reason: 'a known test',
    }),
  );
  await waitUntil(async () => (await healthOf()).alarms.every(({ acknowledged }) => acknowledged !== undefined));
});

test('an anchor that fails, does not answer, or has lost its checkpoints is noticed although nothing is to be stored; then it is well again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-alarms-'));
  // After the ledger, which writes into it until it ends.
  await using _ = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  const real = folderAnchor(dir);
  let latest = real.latest;
  const keys = parseSigningKeys(newSigningKey('example.org/idle'), 'a test');
  const timing = { integrateMs: 20, publishMs: 20, anchorMs: 20, probeMs: 20, silentMs: 200, headMs: 20 };
  const anchor = { name: real.name, put: real.put, latest: (origin: string) => latest(origin) };
  await using idle = await disposableLedger({ alarmMs: 20, evidence: { keys, anchors: [anchor], timing } });
  const seen = async () => {
    const { alarms } = await healthOf(idle.owner);
    return alarms.filter(({ code }) => code === 'anchor_silent');
  };
  const hasHead = async () => (await real.latest('example.org/idle/head')) !== undefined;
  await idle.agents.submitEvent(new TestSource('bot').opened());
  await waitUntil(hasHead);
  for (const [broken, detail] of [
    [() => Promise.reject(new Error('the folder is away')), 'the folder is away'],
    [() => new Promise<undefined>((resolve) => idle.release.push(() => resolve(undefined))), 'No answer for more than 0.2 s.'],
    [async () => undefined, `The anchor ${real.name} has lost its checkpoints: mount it again, or restore it.`],
  ] as const) {
    latest = broken;
    await waitUntil(async () => (await seen()).some((alarm) => alarm.detail === detail), { what: detail });
    expect(await seen()).toMatchObject([{ subject: real.name, detail, action: expect.stringMatching(/access/) }]);
    latest = real.latest;
    for (const release of idle.release.splice(0)) release();
    await waitUntil(async () => (await seen()).length === 0, { what: `the end of: ${detail}` });
  }
});

test('a silent anchor is an alarm of the operator with what to do; the service stays live and ready; it ends with the cause', async () => {
  await waitUntil(async () => (await codesOf(ledger.owner)).includes('anchor_silent'));
  const { alarms } = await ledger.store.alarms.list(OPERATOR_TENANT, { limit: 10, open: true });
  expect(alarms).toMatchObject([
    {
      code: 'anchor_silent',
      subject: expect.stringMatching(/^folder/),
      detail: 'the folder is away',
      action: expect.stringMatching(/access/),
    },
  ]);
  await waitUntil(async () => (await probe('/health')) === 503);
  expect([await probe('/health/live'), await probe('/health/ready')]).toEqual([200, 200]);
  expect((await ledger.store.alarms.list(TENANT, { limit: 10, open: true })).alarms.map(({ code }) => code)).not.toContain('anchor_silent');
  anchorFails = false;
  await waitUntil(async () => (await codesOf(ledger.owner)).length === 0);
  const [ended] = (await ledger.store.alarms.list(OPERATOR_TENANT, { limit: 10 })).alarms;
  expect(ended).toMatchObject({ code: 'anchor_silent', endedAtMs: expect.any(Number) });
});
