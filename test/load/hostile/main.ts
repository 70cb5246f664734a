/**
 * npm run test:hostile [-- --minutes N --seed N --kinds N]: floods the ledger's topic with 100 kinds of messages, in turns with an unrelated topic, while three
 * tenants record events. See README.md in this folder's parent. Exits with 1 where a limit is not kept.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withSnapshot } from '@recant/store';
import { auditTenant } from '@recant/verifier';
import { elapse } from '../../faults/matrix/elapse.ts';
import { waitUntil } from '../../support/src/wait-until.ts';
import { type Account, accountOf } from './account.ts';
import { type Block, measureBlock } from './block.ts';
import { KINDS } from './kinds.ts';
import type { Sent } from './producer.ts';
import { type Figures, failuresOf, textOf } from './report.ts';
import { HONEST, HOSTILE, openStage, type Stage, TOPIC, UNRELATED } from './stage.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    messages: { type: 'string', default: '600' },
    megabytes: { type: 'string', default: '6' },
  },
});
const [minutes, seed, messagesPerSecond, megabytes] = [values.minutes, values.seed, values.messages, values.megabytes].map(Number) as [
  number,
  number,
  number,
  number,
];
/** Of each topic; they take turns, so that what else the machine does hits both. One of the baseline has half the length. */
const BLOCKS = Math.max(2, Math.round(minutes / 2));
const FLOOD_MS = (minutes * 60_000) / BLOCKS;
const WARM_MS = 15_000;
const CAUGHT_UP_MS_MAX = 300_000;
/** Messages of honest tenants on their way. */
const BEHIND_MAX = 200;

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

/** @returns milliseconds; the limit if it is not kept */
async function caughtUp(stage: Stage): Promise<number> {
  const startedAt = performance.now();
  const isCaughtUp = async () => (await stage.behind()) < BEHIND_MAX;
  await waitUntil(isCaughtUp, { timeoutMs: CAUGHT_UP_MS_MAX, what: 'the ledger to catch up', pollMs: 200 }).catch(() => {});
  return performance.now() - startedAt;
}

async function playBlocks(stage: Stage): Promise<{ blocks: Block[]; sent: Readonly<Record<string, Sent>> }> {
  const blocks: Block[] = [];
  await elapse(WARM_MS);
  // Unrelated, ledger, ledger, unrelated: a machine that slows down steadily favours neither.
  const isFlood = (n: number): boolean => n % 4 === 1 || n % 4 === 2;
  for (let n = 0; n < 2 * BLOCKS; n += 1) {
    await stage.hostile.aim(isFlood(n) ? TOPIC : UNRELATED);
    const block = await measureBlock(stage, isFlood(n) ? TOPIC : UNRELATED, isFlood(n) ? FLOOD_MS : FLOOD_MS / 2);
    await stage.hostile.aim(undefined);
    // A baseline begins without what the flood left.
    const settledMs = isFlood(n) && !isFlood(n + 1) ? await caughtUp(stage) : 0;
    blocks.push({ ...block, settledMs });
    const caught = settledMs === 0 ? '' : `, caught up in ${(settledMs / 1_000).toFixed(1)} s`;
    print(
      `${block.topic.padEnd(16)} honest ${block.eventsPerSecond.toFixed(0)}/s, ${block.memoryMb.max} MiB, ${block.behindMax} messages behind${caught}`,
    );
  }
  return { blocks, sent: await stage.hostile.aim(undefined) };
}

async function audit({ store }: Stage): Promise<readonly string[]> {
  const found = await Promise.all(
    [...HONEST, HOSTILE, 'recant'].map(async (tenant) => {
      await store.projection.reach(tenant);
      return withSnapshot(store.pool, tenant, (snapshot) => auditTenant(tenant, snapshot));
    }),
  );
  return found.flat().map((violation) => JSON.stringify(violation));
}

const dir = await mkdtemp(join(tmpdir(), 'recant-hostile-'));
let failures: readonly string[];
try {
  await using stage = await openStage(dir, seed, { messagesPerSecond, bytesPerSecond: megabytes * 1_000_000 });
  const { blocks, sent } = await playBlocks(stage);
  await Promise.all(stage.senders.map((sender) => sender.stop()));
  await waitUntil(async () => (await stage.behind()) === 0, {
    timeoutMs: CAUGHT_UP_MS_MAX,
    what: 'the last message to be recorded',
    pollMs: 200,
  });
  const account: Account = await accountOf(stage.store);
  const figures: Figures = {
    ...{ blocks, account, kinds: KINDS },
    sent: sent[TOPIC] as Sent,
    unrelated: sent[UNRELATED] as Sent,
    honest: stage.senders.map(({ tenant, way, recorded }) => ({ tenant, way, recorded })),
    inTopic: await stage.inTopic(),
    metrics: await stage.metrics(),
    violations: await audit(stage),
    errors: stage.errors,
    isRunning: stage.isRunning(),
  };
  print(textOf(figures));
  failures = failuresOf(figures);
} finally {
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
}
for (const failure of failures) print(`FAIL ${failure}`);
print(failures.length === 0 ? `held; seed ${seed}, ${minutes} minutes` : `${failures.length} failed; seed ${seed}, ${minutes} minutes`);
// kafkajs keeps sockets of lost connections.
process.exit(failures.length === 0 ? 0 : 1);
