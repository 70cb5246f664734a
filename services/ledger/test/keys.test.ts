import { randomBytes } from 'node:crypto';
import { ApiError } from '@recant/client';
import { decodeEvent, formatApiKey } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import { withSnapshot } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger, TENANT } from './harness.ts';
import { changed, TestSource } from './producer.ts';

let ledger: RunningLedger;
beforeAll(async () => {
  ledger = await startLedger();
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger.stop();
});

const BINDINGS = { roles: ['emit'] as ['emit'], sourcePrefix: 'recant://bot', agents: ['bot'], resources: ['postgres://shop/*'] };
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.code}` : String(error)),
  );
const keyOf = async (keyId: string) => (await ledger.operator.keys()).find((key) => key.keyId === keyId);
const send = (apiKey: string) => codeOf(ledger.client(apiKey).submitEvent(new TestSource('bot').intended().bytes));

/** Ends of an operation on keys and its authorization failures, from the tenant's log. */
async function said(): Promise<string> {
  const events: unknown[] = [];
  await withSnapshot(ledger.store.pool, TENANT, async (snapshot) => {
    for await (const { frame } of snapshot.entries()) {
      const decoded = decodeFrame(frame);
      const event = decoded?.kind === 'event' ? decodeEvent(decoded.body) : undefined;
      if (event?.ok && /^recant\.(act|authority)\./.test(event.event.type)) events.push(event.event);
    }
  });
  return JSON.stringify(events);
}

test('a pattern that matches no resource is refused, with an example of a valid one', async () => {
  for (const resource of ['nonsense', 'shop/*', 'postgres*', 'postgres://shop/*/1']) {
    const refused = ledger.operator.createKey({ ...BINDINGS, resources: ['postgres://shop/*', resource] });
    expect(await codeOf(refused), resource).toBe('400 resource_pattern_invalid');
    await expect(refused).rejects.toMatchObject({
      problem: { detail: expect.stringContaining(JSON.stringify(resource)), action: expect.stringContaining('postgres://shop/*') },
    });
  }
});

test('a key with an expiry is rotated with an overlap, and predecessor and successor name each other', async () => {
  const made = await ledger.operator.createKey({ ...BINDINGS, expires: '90d' });
  const before = await keyOf(made.keyId);
  expect(before).toMatchObject({ state: 'active', expiresAt: made.expiresAt });
  expect(Date.parse(made.expiresAt as string) - Date.parse(before?.createdAt as string)).toBeGreaterThan(89 * 86_400_000);
  const successor = await ledger.operator.rotateKey(made.keyId, { overlap: '1h' });
  expect(successor).toMatchObject({ ...BINDINGS, predecessor: made.keyId });
  expect([await send(made.apiKey), await send(successor.apiKey)]).toEqual(['answered', 'answered']);
  expect(await keyOf(made.keyId)).toMatchObject({ state: 'rotated', successor: successor.keyId, expiresAt: successor.predecessorEndsAt });
  expect(await keyOf(successor.keyId)).toMatchObject({ state: 'active', predecessor: made.keyId });
  expect(await codeOf(ledger.operator.rotateKey(made.keyId))).toBe('409 key_inactive');
  const last = await ledger.operator.rotateKey(successor.keyId, { overlap: '0', expires: '2h' });
  expect([await send(successor.apiKey), await send(last.apiKey)]).toEqual(['401 unauthenticated', 'answered']);
  const log = await said();
  for (const { keyId, apiKey } of [made, successor, last]) {
    expect(log).toContain(`"keyId":"${keyId}"`);
    expect(log).not.toContain(apiKey.slice(-43));
  }
});

test('invalid times, other tenants’ keys and Recant’s own keys are refused', async () => {
  const { keyId } = await ledger.operator.createKey(BINDINGS);
  expect(await codeOf(ledger.operator.createKey({ ...BINDINGS, expires: '2020-01-01T00:00:00Z' }))).toBe('400 key_time_invalid');
  expect(await codeOf(ledger.operator.createKey({ ...BINDINGS, expires: '2120-01-01T00:00:00Z' }))).toBe('400 key_time_invalid');
  expect(await codeOf(ledger.operator.createKey({ ...BINDINGS, expires: '2027-01-01' }))).toBe('400 time_zone_missing');
  expect(await codeOf(ledger.operator.rotateKey(keyId, { overlap: '31d' }))).toBe('400 key_time_invalid');
  expect(await codeOf(ledger.operator.rotateKey(keyId, { overlap: '1h', more: 1 } as never))).toBe('400 request_invalid');
  const foreign = await ledger.makeKey({ tenant: 'other' });
  expect(await codeOf(ledger.operator.rotateKey(foreign.credential.keyId))).toBe('404 key_unknown');
  const own = await ledger.makeKey({ roles: ['rollback'] });
  expect(await codeOf(ledger.operator.rotateKey(own.credential.keyId))).toBe('403 role_missing');
  expect(await codeOf(ledger.agents.rotateKey(keyId))).toBe('403 role_missing');
});

test('an ended key, an unknown one and a wrong secret get the same answer; the tenant’s log names the ended key', async () => {
  const revoked = await ledger.operator.createKey(BINDINGS);
  await ledger.operator.revokeKey(revoked.keyId);
  const expired = await ledger.operator.createKey({ ...BINDINGS, expires: '1ms' });
  await waitUntil(async () => (await keyOf(expired.keyId))?.state === 'expired');
  const unknown = formatApiKey({ keyId: '0'.repeat(20), secret: randomBytes(32) });
  const wrong = formatApiKey({ ...ledger.agentApiKey, secret: randomBytes(32) });
  const answers = await Promise.all(
    [revoked.apiKey, expired.apiKey, unknown, wrong].map(async (key) => {
      const { status, body } = await ledger.post(new TestSource('bot').intended().bytes, { key });
      return { status, body };
    }),
  );
  expect(answers[0]).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  await waitUntil(async () => {
    const refused = (await ledger.operator.acts({ by: [revoked.keyId, expired.keyId] })).items.map(({ event }) => event.data);
    return [revoked, expired].every(({ keyId }) => refused.some(({ actor, code }) => actor?.id === keyId && code === 'unauthenticated'));
  });
});

test('an event that its key may not send is a dead letter; the answer names its index, also for a repeat', async () => {
  const { apiKey, keyId } = await ledger.operator.createKey(BINDINGS);
  const foreign = new TestSource('bot', 'recant://elsewhere').intended().bytes;
  const first = await ledger.post(foreign, { key: apiKey });
  expect(first).toMatchObject({ status: 403, body: { code: 'source_not_allowed', shard: expect.any(Number), index: expect.any(Number) } });
  expect((await ledger.post(foreign, { key: apiKey })).body).toEqual(first.body);
  const good = new TestSource('bot').intended().bytes;
  const batch = [good, changed(good, { agent: 'other' }), foreign];
  const receipts = await ledger.client(apiKey).submitBatch(batch);
  expect(receipts.map(({ kind, code }) => code ?? kind)).toEqual(['appended', 'agent_not_allowed', 'source_not_allowed']);
  expect(receipts[2]).toMatchObject({ shard: first.body.shard, index: first.body.index });
  const { items } = await ledger.operator.deadLetters({ code: ['source_not_allowed', 'agent_not_allowed'] });
  expect(items.map(({ code, key, origin, bytes }) => [code, key, origin, bytes])).toEqual(
    [foreign, batch[1] as Uint8Array].map((bytes, n) => [
      ['source_not_allowed', 'agent_not_allowed'][n],
      keyId,
      'http',
      Buffer.from(bytes).toString('base64'),
    ]),
  );
});
