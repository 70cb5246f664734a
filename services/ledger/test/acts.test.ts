import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { type ActRecorded, canonicalize, decodeEvent, OPERATOR_TENANT, type RecantEvent } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import { createByteBudget } from '@recant/queues';

import { withSnapshot } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger, TENANT } from './harness.ts';

const budget = createByteBudget();
let ledger: RunningLedger;
beforeAll(async () => {
  ledger = await startLedger({ budget });
});
afterAll(async () => {
  await ledger.stop();
});

/** Recant's own events of a tenant, in source order. */
async function ownEvents(tenant: string): Promise<RecantEvent[]> {
  const found: RecantEvent[] = [];
  await withSnapshot(ledger.store.pool, tenant, async (snapshot) => {
    for await (const { frame } of snapshot.entries()) {
      const decoded = decodeFrame(frame);
      const event = decoded?.kind === 'event' ? decodeEvent(decoded.body) : undefined;
      if (event?.ok && event.event.agent === 'recant') found.push(event.event);
    }
  });
  return found.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
}

const said = (events: readonly RecantEvent[]) =>
  actsIn(events).map(({ operation, actor, object, outcome, code = '' }) =>
    `${operation} by ${actor?.id} ${JSON.stringify(object)} ${outcome} ${code}`.trim(),
  );

const actsIn = (events: readonly RecantEvent[]) => events.flatMap((event) => (event.type === 'recant.act.recorded.v1' ? [event.data] : []));

test('every act on keys is an entry with caller and outcome, without secrets', async () => {
  const { apiKey, credential } = await ledger.makeKey({ roles: ['administer'], label: 'the boss' });
  const boss = ledger.client(apiKey);
  const made = await boss.createKey({ roles: ['view'], sourcePrefix: 'recant://x', agents: [], resources: [] });
  await ledger.client(apiKey, 'INC-7: “over” — möglich').revokeKey(made.keyId);
  await boss.revokeKey('nobody').catch(() => {});
  await boss.revokeKey(made.apiKey).catch(() => {});
  await boss.keys();
  const events = (await ownEvents(TENANT)).filter(({ type }) => type === 'recant.act.recorded.v1');
  const by = `by ${credential.keyId}`;
  expect(said(events)).toEqual([
    `createKey ${by} {} pending`,
    `createKey ${by} {"keyId":"${made.keyId}"} done`,
    `revokeKey ${by} {"keyId":"${made.keyId}"} pending`,
    `revokeKey ${by} {"keyId":"${made.keyId}"} done`,
    `revokeKey ${by} {"keyId":"nobody"} pending`,
    `revokeKey ${by} {"keyId":"nobody"} refused key_unknown`,
    `revokeKey ${by} {"keyId":"recant_${made.keyId}_***"} pending`,
    `revokeKey ${by} {"keyId":"recant_${made.keyId}_***"} refused key_unknown`,
  ]);
  expect(
    actsIn(events)
      .map(({ reason }) => reason)
      .filter(Boolean),
  ).toEqual(Array(2).fill('INC-7: “over” — möglich'));
  const rows = (await ledger.operator.acts({ by: [credential.keyId] })).items.map(({ event }) => event.data);
  expect(rows.map(({ operation, outcome }) => [operation, outcome])).toEqual([
    ['revokeKey', 'refused'],
    ['revokeKey', 'refused'],
    ['revokeKey', 'done'],
    ['createKey', 'done'],
  ]);
  expect(rows.map(({ actor }) => actor)).toEqual(Array(4).fill({ id: credential.keyId, name: 'the boss' }));
  expect(JSON.stringify(events)).toContain(`"keyId":"${made.keyId}"`);
  expect(JSON.stringify(events)).not.toContain(made.apiKey.slice(-20));
});

test('an act whose detail is too large is recorded with a digest in its place', async () => {
  const { apiKey } = await ledger.makeKey({ roles: ['administer'] });
  const resources = Array.from({ length: 100 }, (_, n) => `postgres://shop/${n}/${'x'.repeat(900)}`);
  const agents = ['reader'];
  const made = await ledger.client(apiKey).createKey({ roles: ['emit'], sourcePrefix: 'recant://x', agents, resources });
  const ends = actsIn(await ownEvents(TENANT));
  const sha256 = createHash('sha256').update(canonicalize(resources)).digest('hex');
  expect(ends.at(-1)).toMatchObject({ outcome: 'done', detail: { keyId: made.keyId, roles: ['emit'], agents, resources: { sha256 } } });
});

test('authorization failures are aggregated entries: of a known key in its tenant, of unknown callers in the operator’s', async () => {
  const { apiKey, credential } = await ledger.makeKey({ roles: ['emit'] });
  const ask = (key: string | undefined) =>
    fetch(`${ledger.url}/v1/keys`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
  const statuses = await Promise.all([apiKey, apiKey, apiKey, undefined, 'recant_nobody_x'].map(ask));
  expect(statuses.map(({ status }) => status)).toEqual([403, 403, 403, 401, 401]);
  const refusals = async (tenant: string) => actsIn(await ownEvents(tenant)).filter(({ repeated }) => repeated !== undefined);
  const count = (all: readonly ActRecorded[]) => all.reduce((sum, { repeated }) => sum + (repeated?.count ?? 0), 0);
  await waitUntil(async () => count(await refusals(TENANT)) === 3 && count(await refusals(OPERATOR_TENANT)) === 2);
  expect(await refusals(TENANT)).toContainEqual(
    expect.objectContaining({ actor: { id: credential.keyId }, outcome: 'refused', code: 'role_missing', operation: 'listKeys' }),
  );
  for (const refusal of await refusals(OPERATOR_TENANT)) {
    expect(refusal).toMatchObject({ code: 'unauthenticated', operation: 'listKeys' });
    expect(refusal.actor).toBeUndefined();
  }
});

test('a page of acts is bounded by bytes, too', async () => {
  const tenant = 'verbose';
  const viewer = (await ledger.makeKey({ roles: ['view'], tenant })).apiKey;
  const text = 'x'.repeat(8_000);
  const act = async (n: number): Promise<void> => {
    const end = await ledger.wired.acts.order({
      ...{ tenant, operation: 'createKey', actor: { id: 'k' }, object: { text }, request: `r${n}` },
    });
    await end({ outcome: 'done', detail: { text } });
  };
  const ACTS = 290;
  for (let at = 0; at < ACTS; at += 29) await Promise.all(Array.from({ length: 29 }, (_, n) => act(at + n)));
  const first = await ledger.client(viewer).acts({}, { limit: 500 });
  expect(first.items.length).toBeLessThan(ACTS);
  expect(JSON.stringify(first).length).toBeLessThan(5_000_000);
  const second = await ledger.client(viewer).acts({}, { limit: 500, cursor: first.next ?? '' });
  expect(new Set([...first.items, ...second.items].map(({ event }) => event.data.act)).size).toBe(ACTS);
  expect(second.next).toBeUndefined();
});

test('acts are listed newest first, paged and filtered by caller and time, each once, without other tenants’', async () => {
  const { credential, apiKey } = await ledger.makeKey({ roles: ['administer'], tenant: 'other' });
  await ledger.client(apiKey).createKey({ roles: ['view'], sourcePrefix: 'recant://x', agents: [], resources: [] });
  const listed: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await ledger.operator.acts({}, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(2);
    listed.push(...page.items.map(({ shard, index }) => `${shard}/${index}`));
    cursor = page.next;
  } while (cursor !== undefined);
  const all = (await ledger.operator.acts({}, { limit: 500 })).items;
  expect(listed).toEqual(all.map(({ shard, index }) => `${shard}/${index}`));
  expect(new Set(listed).size).toBe(listed.length);
  const recorded = actsIn(await ownEvents(TENANT));
  expect(all.map(({ event }) => event.data.act).toSorted()).toEqual([...new Set(recorded.map(({ act }) => act))].toSorted());
  expect(all.map(({ event }) => event.data.outcome)).not.toContain('pending');
  const times = all.map(({ receivedAt }) => receivedAt);
  expect(times).toEqual(times.toSorted().toReversed());
  const others = await ledger.client(apiKey).acts({ by: [credential.keyId] });
  expect(others.items.map(({ event }) => [event.data.operation, event.data.outcome])).toEqual([['createKey', 'done']]);
  expect((await ledger.operator.acts({ by: [credential.keyId] })).items).toEqual([]);
  const { items } = await ledger.operator.acts({ from: '2001-01-01T00:00:00Z', to: '2001-01-02T00:00:00Z' });
  expect(items).toEqual([]);
  await expect(ledger.operator.acts({}, { cursor: 'x' })).rejects.toMatchObject({ code: 'cursor_invalid' });
  await expect(ledger.operator.acts({ from: '2001-01-01T00:00:00' })).rejects.toMatchObject({ code: 'time_zone_missing' });
});

test('a key revoked during its request changes nothing, and the attempt is recorded', async () => {
  const stolen = await ledger.makeKey({ roles: ['administer'] });
  const body = JSON.stringify({ roles: ['administer'], sourcePrefix: 'recant://x', agents: [], resources: [] });
  const headers = { authorization: `Bearer ${stolen.apiKey}`, 'content-type': 'application/json', 'content-length': body.length };
  const held = request(`${ledger.url}/v1/keys`, { method: 'POST', headers });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    held.once('response', (response) => resolve(response.resume().statusCode)).once('error', reject);
  });
  held.write(body.slice(0, 10));
  await waitUntil(async () => budget.bytes > 0);
  const { apiKey } = await ledger.makeKey({ roles: ['administer'] });
  await ledger.client(apiKey).revokeKey(stolen.credential.keyId);
  const before = await ledger.client(apiKey).keys();
  held.end(body.slice(10));
  expect(await answered).toBe(401);
  expect(await ledger.client(apiKey).keys()).toEqual(before);
  const events = await ownEvents(TENANT);
  const ofStolen = actsIn(events).filter(({ actor, repeated }) => actor?.id === stolen.credential.keyId && repeated === undefined);
  expect(ofStolen).toMatchObject([
    { operation: 'createKey', outcome: 'pending' },
    { operation: 'createKey', outcome: 'refused', code: 'unauthenticated' },
  ]);
});

test('stopping closes the source of acts, and the log is sound', async () => {
  await ledger.wired.acts.close();
  expect((await ownEvents(TENANT)).at(-1)?.type).toBe('recant.source.closed.v1');
  expect(await ledger.audit()).toEqual([]);
});
