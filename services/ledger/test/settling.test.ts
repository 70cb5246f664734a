import { ApiError } from '@recant/client';
import { eventId } from '@recant/events';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
const reason = 'no charge at the provider';

/** An attempt whose deadline has passed. */
async function lost(agent: string, over: object = {}) {
  const source = new TestSource(agent);
  const { action, bytes } = source.intended({ tool: 'refund', reversibility: 'irreversible', deadlineMs: 1, ...over });
  await ledger.agents.submitBatch([source.opened(), bytes]);
  return { action, source };
}

const shown = async (action: string) => (await ledger.operator.action(action)).attempts[0];

test('an unknown attempt is settled by a person: lists, filters and details say so, and an act', async () => {
  const { action } = await lost('payer');
  expect(await shown(action)).toMatchObject({ status: 'unknown' });
  expect(await ledger.operator.settle(action, { as: 'failed', reason })).toMatchObject({ action, attempt: 1, status: 'failed' });
  const ruled = { as: 'failed', by: expect.any(String), reason };
  expect(await shown(action)).toMatchObject({ status: 'failed', ruled });
  const listed = async (outcome: 'failed' | 'unknown') => (await ledger.operator.attempts({ agent: ['payer'], outcome: [outcome] })).items;
  expect(await listed('failed')).toMatchObject([{ action, status: 'failed', ruled }]);
  expect(await listed('unknown')).toEqual([]);
  const acts = (await ledger.operator.acts()).items.map(({ event }) => event.data).filter(({ operation }) => operation === 'settleAttempt');
  expect(acts).toMatchObject([{ outcome: 'done', reason, object: { action, attempt: 1 }, detail: { as: 'failed', was: 'unknown' } }]);
});

test('a later word of a person counts, and both are acts', async () => {
  const { action } = await lost('corrected');
  for (const as of ['failed', 'succeeded'] as const)
    expect(await ledger.operator.settle(action, { as, reason })).toMatchObject({ status: as });
  expect(await shown(action)).toMatchObject({ status: 'succeeded', ruled: { as: 'succeeded' } });
  const acts = (await ledger.operator.acts()).items.map(({ event }) => event.data).filter(({ object }) => object?.['action'] === action);
  expect(acts.map(({ detail }) => detail?.['as'])).toEqual(['succeeded', 'failed']);
});

test('an outcome that the agent reports after all is a discrepancy until a person settles it again', async () => {
  const { action, source } = await lost('late');
  await ledger.operator.settle(action, { as: 'failed', reason });
  await ledger.agents.submitEvent(source.settled(action));
  expect(await shown(action)).toMatchObject({ status: 'unknown', ruled: { as: 'failed', contradicted: 'succeeded' } });
  const [listed] = (await ledger.operator.attempts({ agent: ['late'] })).items;
  expect(listed).toMatchObject({ status: 'unknown', ruled: { as: 'failed', contradicted: 'succeeded' } });
  expect(await ledger.operator.settle(action, { as: 'succeeded', reason: 'charge ch_123' })).toMatchObject({ status: 'succeeded' });
  const last = await shown(action);
  expect(last).toMatchObject({ status: 'succeeded', ruled: { as: 'succeeded', reason: 'charge ch_123' } });
  expect(last?.ruled?.contradicted).toBe(undefined);
  expect(await codeOf(ledger.operator.settle(action, { as: 'failed', reason }))).toBe('409 attempt_not_unknown');
});

test('an open attempt says when it can be settled; before that it can be once its process has ended, and a later report still counts', async () => {
  const { action, source } = await lost('killed', { deadlineMs: 600_000 });
  const open = await shown(action);
  expect(open).toMatchObject({ status: 'open', deadline: expect.any(String) });
  expect((await ledger.operator.attempts({ agent: ['killed'] })).items).toMatchObject([{ status: 'open', deadline: open?.deadline }]);
  const refused = await ledger.operator.settle(action, { as: 'failed', reason }).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    problem: { code: 'attempt_not_unknown', detail: expect.stringContaining(`settled from ${open?.deadline}`) },
  });
  await ledger.agents.submitEvent(source.event('recant.source.closed.v1', eventId.closed(), { reason: 'ended' }));
  expect(await ledger.operator.settle(action, { as: 'failed', reason })).toMatchObject({ status: 'failed' });
  expect((await shown(action))?.deadline).toBe(undefined);
  // What was under way nevertheless is no silent change.
  await ledger.agents.submitEvent(source.settled(action));
  expect(await shown(action)).toMatchObject({ status: 'unknown', ruled: { as: 'failed', contradicted: 'succeeded' } });
});

test('a known, open, ambiguous or foreign attempt, and a missing reason, are refused by name and change nothing', async () => {
  const settle = (action: string, over: object = {}) => codeOf(ledger.operator.settle(action, { as: 'failed', reason, ...over }));
  expect(await settle(newAction())).toBe('404 action_unknown');
  const source = new TestSource('known');
  const { action: known, events } = source.attempt([]);
  await ledger.agents.submitBatch(events);
  expect(await settle(known)).toBe('409 attempt_not_unknown');
  const { action: open } = await lost('opener', { deadlineMs: 60_000 });
  expect(await settle(open)).toBe('409 attempt_not_unknown');

  const { action: twice, source: again } = await lost('again');
  await ledger.agents.submitEvent(again.intended({ action: twice, attempt: 2, deadlineMs: 1 }).bytes);
  expect(await settle(twice)).toBe('409 attempt_ambiguous');
  expect(await settle(twice, { attempt: 3 })).toBe('404 action_unknown');
  expect(await settle(twice, { attempt: 2 })).toBe('answered');
  const statuses = async () => (await ledger.operator.action(twice)).attempts.map(({ status }) => status);
  expect(await statuses()).toEqual(['unknown', 'failed']);
  expect(await settle(twice), 'the only one that is left').toBe('answered');
  expect(await statuses()).toEqual(['failed', 'failed']);
  expect(await settle(twice), 'both may get a later word').toBe('409 attempt_ambiguous');

  expect(await settle(twice, { reason: '' })).toBe('400 request_invalid');
  expect(await settle(twice, { as: 'denied' })).toBe('400 request_invalid');
  expect(await codeOf(ledger.owner.settle(twice, { as: 'failed', reason }))).toBe('403 role_missing');
  const foreign = ledger.client((await ledger.makeKey({ tenant: 'other', roles: ['administer'], agents: [] })).apiKey);
  expect(await codeOf(foreign.settle(twice, { as: 'failed', reason }))).toBe('404 action_unknown');
});

test('of two people at once the later word counts', async () => {
  const { action } = await lost('raced');
  await Promise.all(['failed', 'succeeded'].map((as) => ledger.operator.settle(action, { as: as as 'failed', reason })));
  const { rows } = await ledger.store.pool.query('SELECT outcome FROM recant.ruling WHERE action = $1::uuid ORDER BY ruled_at', [action]);
  expect(rows).toHaveLength(2);
  expect(await shown(action)).toMatchObject({ status: rows[1].outcome });
});

test('a ruling cannot be changed or deleted in the database', async () => {
  for (const statement of ["UPDATE recant.ruling SET outcome = 'failed'", 'DELETE FROM recant.ruling'])
    await expect(ledger.store.pool.query(statement), statement).rejects.toMatchObject({ code: '42501' });
});
