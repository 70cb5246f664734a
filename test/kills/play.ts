import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '@recant/test-support';
import { judge, planUndo } from './judge.ts';
import { cellOf, type Run } from './plan.ts';
import { startReplicas } from './replicas.ts';
import { scenarioOf } from './scenario.ts';
import { reasoned, type World } from './world.ts';

export interface Result {
  readonly n: number;
  readonly run: Run;
  readonly problems: readonly string[];
  readonly seconds: number;
}

/** From the start of the run to its end, whatever was struck: a machine that is busy takes its time. */
const END_MS_MAX = 120_000;

/** One history, undone by processes that are struck. */
export async function play(world: World, run: Run): Promise<Result> {
  const started = performance.now();
  const problems = await problemsOf(world, run).catch((error: Error) => [error.stack ?? String(error)]);
  return { n: run.n, run, problems, seconds: Math.round((performance.now() - started) / 100) / 10 };
}

async function problemsOf(world: World, { systems, replicas, mode, steps, batchSteps, strikes, seed }: Run): Promise<readonly string[]> {
  const scenario = scenarioOf(seed, systems, steps, mode);
  const played = await world.play(scenario);
  const planned = await planUndo(world, played, mode);
  await using processes = await startReplicas(world, { count: replicas, batchSteps, strikes });
  const stop = new AbortController();
  const { id } = await reasoned(world).createRun(planned.id, planned.digest);
  const ended = waitUntil(async () => ENDS.includes((await world.stage.operator.run(id)).state), { timeoutMs: END_MS_MAX, pollMs: 50 });
  const late = delay(END_MS_MAX, undefined, { signal: stop.signal }).catch(() => undefined);
  let isOver = false;
  try {
    await ended;
    isOver = await Promise.race([processes.done.then(() => true), late.then(() => false)]);
  } finally {
    stop.abort();
  }
  const missed = Math.max(0, strikes.length - processes.struck);
  return [
    ...(missed === 0 ? [] : [`${missed} of ${strikes.length} strikes never took place`]),
    ...(missed > 0 || isOver ? [] : ['what hung has not ended']),
    ...(await judge({ world, scenario, mode, played, planned, run: id })),
  ];
}
const ENDS: readonly string[] = ['finished', 'cancelled', 'waiting'];

export function failureText(seed: number, { n, run, problems }: Result): string {
  const { mode, steps, batchSteps, strikes } = run;
  const when = strikes.map(({ nth }) => nth).join(', ');
  return [
    `${cellOf(run)}: mode ${mode}, ${steps} steps, ${batchSteps} at once, at time ${when}`,
    ...problems.map((problem) => `  ${problem}`),
    `  replay: npm run test:kills -- --seed ${seed} --only ${n}`,
  ].join('\n');
}
