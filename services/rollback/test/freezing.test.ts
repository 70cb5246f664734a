import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ freezeMs: 20 });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const WRITE = `UPDATE orders SET price = price + 1 WHERE id = 1`;
const writes = (): Promise<string> =>
  stage.shop.pool.query(WRITE).then(
    () => 'written',
    ({ message }: Error) => message,
  );

test('I11: a freeze of an agent is effective once its login in a captured database can write no more, without the SDK too', async () => {
  const bot = await stage.agent('bot');
  await bot.sql('reprice', WRITE);
  expect(await writes()).toBe('written');
  const frozen = await stage.operator.freeze({ scope: 'agent', value: 'bot', reason: 'incident 4711' });
  expect(frozen).toMatchObject({
    effectiveAt: expect.any(String),
    systems: [{ system: 'shop', effectiveAt: expect.any(String), logins: [expect.any(String)], open: [], unfrozen: { count: 0 } }],
  });
  expect(Date.parse(frozen.effectiveAt ?? '')).toBeGreaterThanOrEqual(Date.parse(frozen.systems[0]?.effectiveAt ?? ''));
  expect(await writes()).toContain(`are frozen (freeze ${frozen.freeze}): incident 4711`);
  await stage.shop.owner.query(WRITE);
  await stage.operator.thaw(frozen.freeze, 'fixed');
  await waitUntil(async () => (await writes()) === 'written');
});

test('I11: a system that cannot be told of a freeze keeps it from being effective, and says why', async () => {
  const rename = (from: string, to: string) => stage.shop.owner.query(`ALTER FUNCTION recant.${from}(jsonb) RENAME TO ${to}`);
  await rename('set_freezes', 'away');
  const ordering = stage.operator.freeze({ scope: 'tenant', reason: 'incident 4712' });
  const { freeze } = await waitUntil(async () => (await stage.operator.freezes()).items[0]);
  const progress = () => stage.operator.freezeProgress(freeze);
  await waitUntil(async () => (await progress()).systems[0]?.problem?.includes('set_freezes'));
  expect((await progress()).effectiveAt).toBeUndefined();
  await rename('away', 'set_freezes');
  await waitUntil(async () => (await progress()).effectiveAt);
  expect(await writes()).toContain('are frozen');
  await ordering;
  await stage.operator.thaw(freeze, 'fixed');
  await waitUntil(async () => (await writes()) === 'written');
});

test('I11: a freeze that waits for an open transaction names it, and is effective once it has ended', async () => {
  const other = new pg.Client({ connectionString: stage.shop.agentUrl });
  await other.connect();
  await other.query(`BEGIN; ${WRITE}`);
  // The login of the drain is the owner here, who may not end an agent's sessions.
  const frozen = await stage.operator.freeze({ scope: 'agent', value: 'bot', reason: 'incident 4713' });
  expect(frozen.effectiveAt).toBeUndefined();
  expect(frozen.systems[0]?.open).toEqual([expect.objectContaining({ system: 'shop', pid: expect.any(Number) })]);
  await other.query('COMMIT');
  await waitUntil(async () => (await stage.operator.freezeProgress(frozen.freeze)).effectiveAt);
  await other.end();
  await stage.operator.thaw(frozen.freeze, 'fixed');
});
