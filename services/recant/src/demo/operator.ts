/** The operator at 3 a.m.: looks, plans, reads why not, plans again, runs. Everything here is a request that the command line can make too. */
import type { AttemptBody, PlanView, RunView } from '@recant/api';
import { type Client, everyAttempt } from '@recant/client';
import type { Effect } from '@recant/events';
import { standsStill } from '../render/run.ts';
import { pause } from '../terminal/delay.ts';
import { partKey, type Remaining } from './compare.ts';

const POLL_MS = 100;
/** Events of thirteen attempts: longer than this and the ledger does not take them. */
const RECORDED_MS_MAX = 30_000;
/** How far back the operator looks: the incident has just begun. */
export const LAST_MINUTES = '10m';

/** Over Kafka an agent is done when the broker has its events; the ledger is when it has taken them. */
export async function untilRecorded(client: Client, attempts: number, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(RECORDED_MS_MAX)]);
  for (;;) {
    const { items } = await client.attempts({}, { limit: 500 });
    if (items.filter((attempt) => attempt.status !== 'open').length >= attempts) return;
    await pause(POLL_MS, deadline);
    deadline.throwIfAborted();
  }
}

export async function lastMinutes(client: Client, agent: string): Promise<AttemptBody[]> {
  const found: AttemptBody[] = [];
  for await (const attempt of everyAttempt(client, { agent: [agent], from: LAST_MINUTES, order: 'oldest' })) found.push(attempt);
  return found;
}

export function plan(client: Client, agent: string, mode: 'refuse' | 'skip'): Promise<PlanView> {
  return client.createPlan({ selection: { agents: [agent] }, window: { from: LAST_MINUTES }, mode });
}

/** Runs the plan that was looked at, to the end. */
export async function run(client: Client, looked: PlanView, signal: AbortSignal): Promise<RunView> {
  let current = await client.createRun(looked.id, looked.digest);
  while (!standsStill(current)) {
    await pause(POLL_MS, signal);
    signal.throwIfAborted();
    current = await client.run(current.id);
  }
  return current;
}

/** What the account says was left as it is, because others have built on it. */
export function remaining(client: Client, account: RunView): Promise<Remaining[]> {
  const skipped = account.left.filter((attempt) => attempt.reason === 'skipped');
  return Promise.all(
    skipped.map(async ({ ref, tool }) => {
      const effects = await effectsOf(client, ref);
      const wrote = effects.flatMap((effect) => Object.keys(effect.parts).map((part) => partKey(effect.resource, part)));
      return { why: `${tool} was skipped`, wrote: new Set(wrote) };
    }),
  );
}

async function effectsOf(client: Client, ref: { source: string; action: string; attempt: number }): Promise<Effect[]> {
  const { attempts } = await client.action(ref.action);
  const attempt = attempts.find((one) => one.source === ref.source && one.attempt === ref.attempt);
  return (attempt?.events ?? []).flatMap(({ event }) => {
    const recorded = event;
    return recorded.type === 'recant.attempt.effects.v1' ? recorded.data.effects : [];
  });
}
