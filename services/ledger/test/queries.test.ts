import { LEDGER_ROUTES, SERVICE_ROUTES } from '@recant/api';
import { ApiError, everyAttempt, tail } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { newAction, TestSource } from './producer.ts';

let ledger: RunningLedger;
beforeAll(async () => {
  ledger = await startLedger();
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger.stop();
});

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.code}` : String(error)),
  );

async function record(agent: string, count: number, over: object = {}): Promise<string[]> {
  const source = new TestSource(agent);
  const attempts = Array.from({ length: count }, (_, n) => source.attempt([`postgres://shop/public.${agent}/${n}`], over));
  await ledger.agents.submitBatch(attempts.flatMap(({ events }) => events));
  return attempts.map(({ action }) => action);
}

describe('bad questions', () => {
  test.each([
    [{ from: '2026-03-01T14:00:00' }, '400 time_zone_missing'],
    [{ from: '2026-03-01' }, '400 time_zone_missing'],
    [{ from: 'yesterday' }, '400 time_invalid'],
    [{ to: '2026-13-01T00:00:00Z' }, '400 time_invalid'],
    [{ from: '2026-03-01T14:00:00Z', to: '2026-03-01T15:00:00+02:00' }, '400 window_empty'],
    [{ from: '1h', to: '2h' }, '400 window_empty'],
    [{ agent: ['nobody'] }, '404 agent_unknown'],
  ])('%j is %s', async (filter, expected) => {
    expect(await codeOf(ledger.operator.attempts(filter))).toBe(expected);
  });

  test('an unknown agent is refused with the names that it may mean, none of another tenant', async () => {
    await record('cleanup-bot', 1);
    await record('cleanup-box', 1);
    const detailOf = (client: typeof ledger.operator, agent: string) =>
      client.attempts({ agent: [agent] }).then(
        () => 'answered',
        (error: unknown) => (error instanceof ApiError ? error.problem.detail : String(error)),
      );
    expect(await detailOf(ledger.operator, 'cleanup_bot')).toBe(
      'No recorded attempt of agent "cleanup_bot". Did you mean "cleanup-bot" or "cleanup-box"?',
    );
    expect(await detailOf(ledger.operator, 'x'.repeat(500))).not.toContain('Did you mean');
    const { apiKey } = await ledger.makeKey({ tenant: 'other', roles: ['view'] });
    expect(await detailOf(ledger.client(apiKey), 'cleanup_bot')).toBe('No recorded attempt of agent "cleanup_bot".');
  });

  test('a foreign cursor, an unknown action, an invalid limit and an unknown parameter are refused by name', async () => {
    expect(await codeOf(ledger.operator.attempts({}, { cursor: 'abc' }))).toBe('400 cursor_invalid');
    expect(await codeOf(ledger.operator.deadLetters({ cursor: 'abc' }))).toBe('400 cursor_invalid');
    expect(await codeOf(ledger.operator.action(newAction()))).toBe('404 action_unknown');
    expect(await codeOf(ledger.operator.attempts({}, { limit: 5_000 }))).toBe('400 request_invalid');
    expect(await codeOf(ledger.operator.attempts({ colour: 'red' } as never))).toBe('400 request_invalid');
    expect(await codeOf(ledger.agents.attempts({}))).toBe('403 role_missing');
  });
});

describe('attempts', () => {
  test('are found by agent, session, tool, resource, outcome and window, within one tenant', async () => {
    const [first] = await record('finder', 3, { tool: 'find-tool', context: { session: 'find-session' } });
    const foundBy = async (filter: object) => (await ledger.operator.attempts(filter)).items.length;
    expect(await foundBy({ agent: ['finder'] })).toBe(3);
    expect(
      await foundBy({ agent: ['finder'], session: ['find-session'], tool: ['find-tool', 'other'], outcome: ['succeeded'], from: '1h' }),
    ).toBe(3);
    expect(await foundBy({ resource: ['postgres://shop/public.finder/1'] })).toBe(1);
    expect(await foundBy({ resource: ['postgres://shop/public.finder/*'] })).toBe(3);
    expect(await foundBy({ agent: ['finder'], outcome: ['failed'] })).toBe(0);
    expect(await foundBy({ agent: ['finder'], to: '1h' })).toBe(0);
    const { apiKey } = await ledger.makeKey({ tenant: 'other', roles: ['view'] });
    expect((await ledger.client(apiKey).attempts({})).items).toEqual([]);
    expect(await codeOf(ledger.client(apiKey).action(first as string))).toBe('404 action_unknown');
    expect(await codeOf(ledger.client(apiKey).attempts({ agent: ['finder'] }))).toBe('404 agent_unknown');
  });

  test('paged during appends list each attempt of the first view once, in order', async () => {
    const there = await record('pager', 25);
    const listed: string[] = [];
    for await (const attempt of everyAttempt(ledger.operator, { agent: ['pager'], order: 'oldest' }, 7)) {
      listed.push(attempt.action);
      if (listed.length % 7 === 0) await record('pager', 2);
    }
    expect(listed).toEqual(there);
  });

  test('an action lists its events and effects, and is complete only with all of them', async () => {
    const source = new TestSource('shower');
    const { action, events } = source.attempt(['filesystem://shop/public.a/1']);
    await ledger.agents.submitBatch([events[0], events[2]] as Uint8Array[]);
    const before = (await ledger.operator.action(action)).attempts[0];
    expect(before).toMatchObject({ status: 'succeeded', complete: false, effects: 0, agent: 'shower', tool: 'reprice' });
    await ledger.agents.submitEvent(events[1] as Uint8Array);
    const after = (await ledger.operator.action(action)).attempts[0];
    expect(after).toMatchObject({ complete: true, effects: 1 });
    expect(after?.events.map(({ event }) => event.type)).toEqual([
      'recant.attempt.intended.v1',
      'recant.attempt.settled.v1',
      'recant.attempt.effects.v1',
    ]);
  });

  test('the tail lists each attempt when it arrives and again when it settles', async () => {
    await record('tailed', 1);
    const abort = new AbortController();
    const seen: string[] = [];
    const telling = (async () => {
      for await (const attempt of tail(ledger.operator, { agent: ['tailed'] }, { signal: abort.signal, everyMs: 20 }))
        seen.push(attempt.status);
    })();
    const source = new TestSource('tailed');
    const { action, bytes } = source.intended();
    await ledger.agents.submitEvent(bytes);
    await waitUntil(() => seen.length === 2);
    await ledger.agents.submitEvent(source.settled(action));
    await waitUntil(() => seen.length === 3);
    abort.abort();
    await telling;
    expect(seen).toEqual(['succeeded', 'open', 'succeeded']);
  });
});

test('logs have size and root; keys are created, listed without secrets, and revoked', async () => {
  await record('logged', 1);
  const logs = await ledger.operator.logs();
  expect(logs.every(({ size, root, shards }) => size > 0 && /^[0-9a-f]{64}$/.test(root) && shards === 4)).toBe(true);
  const made = await ledger.operator.createKey({
    roles: ['emit'],
    sourcePrefix: 'recant://made',
    agents: ['made'],
    resources: [],
    label: 'for a test',
  });
  await ledger.client(made.apiKey).submitEvent(new TestSource('made').intended().bytes);
  const listed = (await ledger.operator.keys()).find(({ keyId }) => keyId === made.keyId);
  expect(listed).toMatchObject({ label: 'for a test', agents: ['made'] });
  expect(JSON.stringify(listed)).not.toContain(made.apiKey.split('_').slice(2).join('_'));
  await ledger.operator.revokeKey(made.keyId);
  expect(await codeOf(ledger.client(made.apiKey).submitEvent(new TestSource('made').intended().bytes))).toBe('401 unauthenticated');
  expect(await codeOf(ledger.operator.revokeKey('nosuchkey'))).toBe('404 key_unknown');
  expect(await codeOf(ledger.operator.createKey({ roles: ['rollback'], sourcePrefix: 'recant://x', agents: [], resources: [] }))).toBe(
    '403 role_missing',
  );
});

test('the OpenAPI description lists every route, and health checks the store', async () => {
  const document = (await (
    await fetch(`${ledger.url}/v1/openapi.json`, { headers: { authorization: `Bearer ${ledger.agentKey}` } })
  ).json()) as { openapi: string; paths: Record<string, object> };
  expect(document.openapi).toMatch(/^3\.1/);
  const described = new Set([...LEDGER_ROUTES, ...SERVICE_ROUTES].map(({ path }) => path));
  expect(Object.keys(document.paths).sort()).toEqual([...described].sort());
  expect(await ledger.owner.healthDetails()).toMatchObject({ status: 'ok', checks: { store: { status: 'ok' } } });
});
