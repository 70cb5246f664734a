/** One run that crashes in process at every transition: each time its worker makes no more calls, and the next one goes on. */

import { type Driven, driveRun, RUNNER_CONFIG, type RunnerPorts } from '@recant/runner';
import { createLogger } from '@recant/service';
import { waitUntil } from '@recant/test-support';
import { wireRollback } from '../../services/rollback/src/wire.ts';
import { TENANT } from '../../services/rollback/test/harness.ts';
import { judge, planUndo } from './judge.ts';
import { type Hook, hookedConnectors, hookPorts, type Place } from './places.ts';
import type { Mode, Systems } from './plan.ts';
import { scenarioOf } from './scenario.ts';
import { reasoned, type World } from './world.ts';

export interface Crashing {
  readonly seed: number;
  readonly steps: number;
  readonly systems: Systems;
  readonly mode: Mode;
  readonly batchSteps: number;
}
export interface Crashed {
  readonly crashes: number;
  /** By place. */
  readonly places: ReadonlyMap<Place, number>;
  readonly problems: readonly string[];
}

class Crash extends Error {}
/** A claim of a worker that crashed ends at once. */
const LEASE_MS = 1;
/** So that a part is recorded and another one started while the target works. */
const PART_STEPS = 2;
/** Workers of one run. */
const WORKERS_MAX = 20_000;
const NEVER_MS = 1_000_000_000;

export async function crashEverywhere(world: World, { seed, steps, systems, mode, batchSteps }: Crashing): Promise<Crashed> {
  const scenario = scenarioOf(seed, systems, steps, mode);
  const played = await world.play(scenario);
  const planned = await planUndo(world, played, mode);
  const { id: run } = await reasoned(world).createRun(planned.id, planned.digest);
  const places = new Map<Place, number>();
  const crashes = await driveThrough(world, batchSteps, places);
  return { crashes, places, problems: await judge({ world, scenario, mode, played, planned, run }) };
}

/**
 * After a crash at the end of what took effect, no worker comes by what follows it. So these places are left out in turn, each time for two commits: the intents of a batch
 * and its results.
 */
const LEFT: readonly (readonly Place[])[] = [['commit.after', 'invert.after', 'files.step.written'], ['files.step.written'], []];

/**
 * Each place crashes once after each commit: the next worker gets past it. So a run crashes before and after all that it does between two commits, and at both sides of
 * each commit.
 */
async function driveThrough(world: World, batchSteps: number, places: Map<Place, number>): Promise<number> {
  const met = new Set<string>();
  let commits = 0;
  /** What a worker still has under way when it crashes stays dead, too. */
  const workerHook = (): Hook => {
    let isDead = false;
    return (place) => {
      if (isDead) throw new Crash(place);
      if (place === 'commit.after') commits += 1;
      const key = `${place} ${commits}`;
      if (met.has(key) || LEFT[Math.floor(commits / 2) % LEFT.length]?.includes(place)) return undefined;
      met.add(key);
      places.set(place, (places.get(place) ?? 0) + 1);
      isDead = true;
      throw new Crash(place);
    };
  };
  await using service = openService(world, batchSteps);
  for (let worker = 1; worker <= WORKERS_MAX; worker += 1) if ((await service.drive(workerHook())) === 'done') return worker - 1;
  throw new Error(`not finished after ${WORKERS_MAX} workers`);
}

/** Its ports, without a worker of its own. */
function openService({ stage }: World, batchSteps: number) {
  let current: Hook = () => undefined;
  let own: RunnerPorts | undefined;
  const rollback = wireRollback({
    store: stage.store,
    logger: createLogger({ name: 'crashes', level: 'fatal' }),
    clock: Date.now,
    ledger: { url: stage.url, apiKey: stage.rollbackKey },
    approvals: 'never',
    worker: { leaseMs: LEASE_MS },
    connectors: hookedConnectors((place) => current(place)),
    faults: (ports) => {
      own = ports;
      return ports;
    },
    alarmMs: NEVER_MS,
    freezeMs: NEVER_MS,
  });
  if (own === undefined) throw new Error('The service gave no ports.');
  const ports = own;
  const config = { ...RUNNER_CONFIG, batchSteps, partSteps: PART_STEPS, retryMs: 1 };
  let source: string | undefined;
  return {
    /** One worker, from its claim to its crash or the end. */
    async drive(hook: Hook): Promise<Driven | 'crashed' | 'done'> {
      current = () => undefined;
      const claim = await waitUntil(() => ports.store.claim('crashes', LEASE_MS), { timeoutMs: CLAIM_MS_MAX, pollMs: 1 }).catch(
        () => undefined,
      );
      if (claim === undefined) {
        if (source !== undefined) await ports.emitter.flush(TENANT, source);
        return 'done';
      }
      source = (await ports.store.load(claim))?.source ?? source;
      current = hook;
      return driveRun(hookPorts(ports, hook), claim, config).catch((error: unknown) => {
        if (error instanceof Crash || isOfCrash(error)) return 'crashed' as const;
        throw error;
      });
    },
    async [Symbol.asyncDispose]() {
      await rollback.stop();
    },
  };
}
/** Nothing to claim for so long: the run has ended. */
const CLAIM_MS_MAX = 200;

/** The runner names the cause of what it throws. */
const isOfCrash = (error: unknown): boolean => error instanceof Error && (error.cause instanceof Crash || error.message.includes('Crash'));
