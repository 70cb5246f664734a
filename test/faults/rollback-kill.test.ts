import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from '../../services/rollback/test/harness.ts';
import { startRollbackWorker } from './rollback-worker.ts';

/**
 * I6: the rollback service is killed before and after each of claim, inverse, read-back and record, on the first, a middle and the last step; another
 * process continues. The result is the same, and the target's capture shows that no inverse took effect twice.
 * A sample always runs; RECANT_FAULTS=all runs every case.
 */
const STEPS = 50;
const POINTS = ['claim', 'inverse', 'record'].flatMap((name) => [`${name}.before`, `${name}.after`]);
const ALL = POINTS.flatMap((point) => [1, STEPS / 2, STEPS].map((step) => ({ failpoint: `${point}:${step}`, batchSteps: 1 })));
const BATCHED = ['claim.after:7', 'inverse.after:25', 'record.before:50'].map((failpoint) => ({ failpoint, batchSteps: 50 }));
const SAMPLE = [
  { failpoint: 'inverse.after:25', batchSteps: 1 },
  { failpoint: 'record.before:50', batchSteps: 1 },
  { failpoint: 'inverse.after:25', batchSteps: 50 },
];
const CASES = process.env.RECANT_FAULTS === 'all' ? [...ALL, ...BATCHED] : SAMPLE;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ worker: false });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const rows = async () => (await stage.shop.owner.query('SELECT id, state, price FROM orders ORDER BY id')).rows;

/** Changes by inverses of the run, as the target recorded them: each attempt changed one row. */
const inverseChanges = async (run: string) =>
  (
    await stage.shop.owner.query(
      'SELECT a.step, count(*)::int AS changes FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt WHERE a.run = $1 GROUP BY a.step ORDER BY a.step',
      [run],
    )
  ).rows;

test.each(CASES)(
  'I6: killed at $failpoint with $batchSteps at once, another worker finishes the run with the same result',
  { timeout: 180_000 },
  async ({ failpoint, batchSteps }) => {
    const before = await rows();
    const name = `bad-${failpoint.replace(/[.:]/g, '-')}-${batchSteps}`;
    const agent = await stage.agent(name);
    // Some rows are written twice, so their steps depend on each other.
    for (let at = 0; at < STEPS; at++)
      await agent.sql('reprice', `UPDATE orders SET price = price + ${at + 1} WHERE id = ${1 + (at % 40)}`);
    const plan = await stage.operator.createPlan({ selection: { agents: [name] } });
    expect(plan.body.steps).toHaveLength(STEPS);
    const { id } = await stage.operator.createRun(plan.id, plan.digest);

    await using first = await startRollbackWorker(stage, { failpoint, batchSteps });
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await using _second = await startRollbackWorker(stage, { batchSteps });
    const run = await waitUntil(
      async () => {
        const view = await stage.operator.run(id);
        return view.state === 'finished' ? view : undefined;
      },
      { timeoutMs: 120_000 },
    );

    expect(run.account).toMatchObject({ outcomes: { restored: STEPS }, open: 0, verdict: 'fully_restored' });
    expect(await rows()).toEqual(before);
    expect(await inverseChanges(id)).toEqual(Array.from({ length: STEPS }, (_, at) => ({ step: at + 1, changes: 1 })));
    expect(await stage.audit()).toEqual([]);
  },
);
