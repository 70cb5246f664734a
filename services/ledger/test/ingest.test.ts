import { randomBytes } from 'node:crypto';
import { EVENT_BYTES_MAX, MEDIA_TYPE_BATCH, partDigest } from '@recant/events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type RunningLedger, startLedger } from './harness.ts';
import { changed, newAction, TestSource } from './producer.ts';

let ledger: RunningLedger;
beforeAll(async () => {
  ledger = await startLedger();
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger.stop();
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({ type: `urn:recant:problem:${code}`, status });
  for (const field of ['title', 'detail', 'action']) expect(answer.body[field]).toMatch(/\w+ \w+/);
}

describe('one event over HTTP', () => {
  test('gets 201 with its index the first time, 200 with the same index for the same bytes again', async () => {
    const { bytes } = new TestSource().intended();
    const first = await ledger.post(bytes);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ kind: 'appended' });
    const again = await ledger.post(bytes);
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...first.body, kind: 'duplicate' });
  });

  test('with a known id and other content is refused and becomes a dead letter', async () => {
    const source = new TestSource();
    const { action, bytes } = source.intended();
    await ledger.post(bytes);
    const other = source.intended({ action, tool: 'other' }).bytes;
    expectProblem(await ledger.post(other), 409, 'equivocation');
    const { items } = await ledger.operator.deadLetters({ limit: 500 });
    expect(items.some((letter) => letter.code === 'equivocation' && letter.bytes === Buffer.from(other).toString('base64'))).toBe(true);
  });

  const source = () => new TestSource();
  const good = () => source().intended().bytes;
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const cases: [string, number, () => string | Uint8Array][] = [
    ['malformed_json', 400, () => '{"specversion":'],
    ['malformed_json', 400, () => Buffer.from([0x22, 0xff, 0x22])],
    ['not_canonical', 400, () => text(good()).replace('{"agent"', '{ "agent"')],
    ['not_i_json', 400, () => text(good()).replace('"agent":"pricing"', '"agent":"pricing","agent":"pricing"')],
    ['not_i_json', 400, () => text(good()).replace('"tool":"reprice"', '"tool":"\\ud800"')],
    ['too_deep', 400, () => '['.repeat(100) + ']'.repeat(100)],
    ['too_large', 413, () => `{"a":"${'x'.repeat(EVENT_BYTES_MAX)}"}`],
    ['schema_invalid', 422, () => text(good()).replace('"tool":"reprice"', '"tool":7')],
    ['type_unknown', 422, () => text(good()).replace('recant.attempt.intended.v1', 'recant.attempt.imagined.v1')],
    ['version_unknown', 422, () => text(good()).replace('recant.attempt.intended.v1', 'recant.attempt.intended.v9')],
    ['id_mismatch', 422, () => text(good()).replace('.1.intended"', '.2.intended"')],
    [
      'resource_invalid',
      422,
      () => text(source().effects(newAction(), ['postgres://shop/a/1'])).replace('"connector":"postgres"', '"connector":"filesystem"'),
    ],
  ];
  test.each(cases)('%s is refused with %i', async (code, status, body) => {
    expectProblem(await ledger.post(body()), status, code);
  });

  test('outside the key’s source prefix, agents or roles is refused', async () => {
    const key = (await ledger.makeKey({ sourcePrefix: 'recant://pricing', agents: ['pricing'] })).apiKey;
    expectProblem(await ledger.post(new TestSource('pricing', 'recant://stock').intended().bytes, { key }), 403, 'source_not_allowed');
    expectProblem(await ledger.post(new TestSource('stock', 'recant://pricing').intended().bytes, { key }), 403, 'agent_not_allowed');
    const inverse = new TestSource().intended({
      inverts: { source: 's', action: newAction(), attempt: 1, run: newAction(), step: 1 } as never,
    });
    expectProblem(await ledger.post(inverse.bytes), 403, 'role_missing');
    const viewer = (await ledger.makeKey({ roles: ['view'] })).apiKey;
    expectProblem(await ledger.post(good(), { key: viewer }), 403, 'role_missing');
  });

  test('without a key, with an unknown or revoked one or a wrong secret is unauthenticated', async () => {
    const { apiKey, credential } = await ledger.makeKey();
    await ledger.store.credentials.revoke(credential.tenant, credential.keyId);
    const wrong = `${ledger.agentKey.slice(0, -6)}AAAAAA`;
    for (const key of ['', 'recant_nobody_here', `recant_abcd1234_${randomBytes(32).toString('base64url')}`, wrong, apiKey]) {
      expectProblem(await ledger.post(good(), { key }), 401, 'unauthenticated');
    }
  });

  test('with a wrong media type, size or encoding is refused before parsing', async () => {
    expectProblem(await ledger.post(good(), { type: 'text/plain' }), 415, 'media_type_unsupported');
    expectProblem(await ledger.post(good(), { headers: { 'content-encoding': 'gzip' } }), 415, 'media_type_unsupported');
    expectProblem(await ledger.post(new Uint8Array(5_000_000)), 413, 'body_too_large');
    expectProblem(await ledger.post('{}', { path: '/v1/nothing' }), 404, 'route_unknown');
    const response = await fetch(`${ledger.url}/v1/events`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('a batch over HTTP', () => {
  const type = MEDIA_TYPE_BATCH;

  test('gets one receipt per event, in order; refused events do not block the others', async () => {
    const source = new TestSource();
    const { events } = source.attempt(['postgres://shop/public.orders/1']);
    const foreign = changed(events[0] as Uint8Array, { agent: 'recant' });
    const receipts = await ledger.agents.submitBatch([
      events[0] as Uint8Array,
      foreign,
      events[1] as Uint8Array,
      events[0] as Uint8Array,
      events[2] as Uint8Array,
    ]);
    expect(receipts.map(({ kind, code }) => code ?? kind)).toEqual(['appended', 'agent_not_allowed', 'appended', 'duplicate', 'appended']);
    expect(receipts[1]?.action).toMatch(/\w+/);
    expect(new Set(receipts.filter(({ kind }) => kind === 'appended').map(({ shard }) => shard)).size).toBe(1);
  });

  test('that is empty or too long is refused as a whole, and so is another media type', async () => {
    expectProblem(await ledger.post('', { type }), 400, 'batch_empty');
    expectProblem(await ledger.post('1\n'.repeat(2_001), { type }), 413, 'batch_too_long');
    expectProblem(await ledger.post('[]', { type: 'application/cloudevents-batch+json' }), 415, 'media_type_unsupported');
  });
});

describe('a part', () => {
  test('is stored under the digest of salt and bytes, idempotently', async () => {
    const salt = randomBytes(16);
    const bytes = randomBytes(20_000);
    const digest = partDigest(salt, bytes);
    await ledger.agents.putPart(digest, salt.toString('base64url'), bytes);
    await ledger.agents.putPart(digest, salt.toString('base64url'), bytes);
    expect(Buffer.from((await ledger.store.parts.get('acme', digest))?.bytes ?? [])).toEqual(bytes);
  });

  test('under a wrong digest is refused', async () => {
    const salt = randomBytes(16).toString('base64url');
    const put = { method: 'PUT', path: `/v1/parts/${'0'.repeat(64)}`, type: 'application/octet-stream' };
    expectProblem(await ledger.post('abc', { ...put, headers: { 'recant-salt': salt } }), 400, 'part_digest_mismatch');
    expectProblem(await ledger.post('abc', put), 400, 'request_invalid');
  });
});
