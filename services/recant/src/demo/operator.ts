/** The operator: lists, plans, reads the conflicts, plans again, runs. The command line makes the same requests. */
import { type AttemptBody, PLAN_WAIT_MS_MAX } from '@recant/api';
import { type Client, everyAttempt, type WholePlan, type WholeRun, wholePlan, wholeRun } from '@recant/client';
import type { Effect } from '@recant/events';
import { hasStopped } from '../render/run.ts';
import { delay } from '../terminal/delay.ts';
import { partKey, type Remaining } from './compare.ts';

const POLL_MS = 100;
/** Limit for the ledger to read the events of thirteen attempts. */
const RECORDED_MS_MAX = 30_000;
/** Window of the operator's commands. */
export const LAST_MINUTES = '10m';

/** Waits until the ledger has all events and effects: over Kafka, an agent is done when the broker has them, and a database's effects are drained afterwards. */
export async function untilRecorded(client: Client, attempts: number, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(RECORDED_MS_MAX)]);
  for (;;) {
    const { items } = await client.attempts({}, { limit: 500 });
    if (items.filter((attempt) => attempt.status !== 'open').length >= attempts) break;
    await delay(POLL_MS, deadline);
    deadline.throwIfAborted();
  }
  await client.watermark(PLAN_WAIT_MS_MAX);
}

export async function lastMinutes(client: Client, agent: string): Promise<AttemptBody[]> {
  const found: AttemptBody[] = [];
  for await (const attempt of everyAttempt(client, { agent: [agent], from: LAST_MINUTES, order: 'newest' })) found.push(attempt);
  return found;
}

export async function plan(client: Client, agent: string, mode: 'refuse' | 'skip'): Promise<WholePlan> {
  return wholePlan(client, await client.createPlan({ selection: { agents: [agent] }, window: { from: LAST_MINUTES }, mode }));
}

/** Runs a plan to the end. */
export async function run(client: Client, chosen: WholePlan, signal: AbortSignal): Promise<WholeRun> {
  let current = await client.createRun(chosen.id, chosen.digest);
  while (!hasStopped(current)) {
    await delay(POLL_MS, signal);
    signal.throwIfAborted();
    current = await client.run(current.id);
  }
  return wholeRun(client, current);
}

/** Attempts that the account lists as skipped because of conflicts. */
export function remaining(client: Client, account: WholeRun): Promise<Remaining[]> {
  const skipped = account.left.filter((attempt) => attempt.reason === 'skipped');
  return Promise.all(
    skipped.map(async ({ ref, tool }) => {
      const effects = await effectsOf(client, ref);
      const wrote = effects.flatMap((effect) => Object.keys(effect.parts).map((part) => partKey(effect.resource, part)));
      return { reason: `${tool} was skipped`, wrote: new Set(wrote) };
    }),
  );
}

async function effectsOf(client: Client, ref: { source: string; action: string; attempt: number }): Promise<Effect[]> {
  const { attempts } = await client.action(ref.action);
  const attempt = attempts.find((one) => one.source === ref.source && one.attempt === ref.attempt);
  return (attempt?.events ?? []).flatMap((entry) => {
    const recorded = entry.event;
    return recorded.type === 'recant.attempt.effects.v1' || recorded.type === 'recant.attempt.observed.v1' ? recorded.data.effects : [];
  });
}
