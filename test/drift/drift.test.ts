import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from '../../services/rollback/test/harness.ts';
import { SCHEMA } from './kinds.ts';
import { BATCH_STEPS, playRound } from './round.ts';

/** Rounds of 20 outside changes, half of them between test and write. */
const ROUNDS = process.env.RECANT_DRIFT === 'all' ? 50 : 1;
const SEED = Number(process.env.RECANT_DRIFT_SEED ?? 1);

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ schema: SCHEMA, runner: { batchSteps: BATCH_STEPS } });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

test('I5: what others change while a run undoes, before its tests or between test and write, is never overwritten, and always named', {
  timeout: ROUNDS * 60_000,
}, async () => {
  const seen = { between: 0, before: 0, restored: 0, conflicted: 0 };
  for (let seed = SEED; seed < SEED + ROUNDS; seed += 1) {
    const { made, restored, conflicted, faults } = await playRound(stage, seed);
    expect({ seed, faults }).toEqual({ seed, faults: [] });
    seen.between += made['between test and write'];
    seen.before += made['before the test'];
    seen.restored += restored;
    seen.conflicted += conflicted;
  }
  expect(seen).toMatchObject({ between: 10 * ROUNDS, before: 10 * ROUNDS });
  expect(Math.min(seen.restored, seen.conflicted)).toBeGreaterThan(0);
  if (ROUNDS > 1) process.stderr.write(`drift: ${JSON.stringify(seen)}\n`);
});
