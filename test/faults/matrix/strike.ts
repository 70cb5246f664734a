import { join } from 'node:path';
import { SHUTDOWN_MS_MAX } from '@recant/service';
import { waitUntil } from '@recant/test-support';
import { elapse } from './elapse.ts';
import type { Run } from './plan.ts';
import { type Database, followDatabase } from './postgres.ts';
import { type Action, StrikingProxy } from './proxy.ts';
import { type Replica, untilListening } from './replica.ts';
import { matcherOf, placeOf } from './requests.ts';
import { TENANTS, type World } from './world.ts';

/** A replica without a partition gets one when a killed member's session has ended, after 30 s. */
const STRUCK_MS_MAX = 240_000;
/** Until a killed process is started again. */
const RESTART_MS = 500;
/** What a starved machine may add to the limit of a stop. */
const STARVED_MS = 5_000;
const SESSIONS_KILLED_TIMES = 3;
const KILL_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'recant' AND datname = 'recant'";

/** What a fault needs before the load that it may lose: a standby, a copy. */
export interface Prepared {
  readonly copy?: string;
  readonly standby?: Database;
  /** Called after more was recorded, just before the strike. */
  release(): Promise<void>;
}

export async function prepare(world: World, run: Run): Promise<Prepared> {
  const folder = join(world.folder, `${run.fault}-${run.n}`);
  if (run.fault === 'restore') {
    await world.database.copy(folder);
    return { copy: folder, async release() {} };
  }
  if (run.fault !== 'failover') return { async release() {} };
  const primary = world.database;
  const link = new StrikingProxy(() => primary.port);
  const standby = await followDatabase(primary, await link.listen(), folder, run.way === 'synchronous');
  if (run.way === 'asynchronous') link.drop();
  return { standby, release: () => link.close() };
}

/**
 * Strikes the first request of the operation, keeps the fault for as long as the run says, and ends it.
 * @returns milliseconds, monotonic: when it struck, or began to restart a service so that it joins, and when everything that was away was back
 */
export async function strike(world: World, run: Run, prepared: Prepared): Promise<{ readonly fromMs: number; readonly toMs: number }> {
  const replica = world.replicas[0] as Replica;
  const proxy = replica[placeOf(run.operation)];
  const first = Promise.withResolvers<number | undefined>();
  proxy.strike({
    matches: matcherOf(run.operation, { tenant: TENANTS[0], others: TENANTS.slice(1), keyIds: world.keyIds }),
    phase: run.phase,
    skip: run.operation === 'join' ? 0 : run.skip,
    action: actionOf(run),
    repeats: run.fault === 'error' || run.fault === 'hang',
    struck(session) {
      if (run.way === 'process') process.kill(replica.process.pid, run.fault === 'kill' ? 'SIGKILL' : 'SIGSTOP');
      first.resolve(session);
    },
  });
  const provokedMs = performance.now();
  if (run.operation === 'join') await provokeJoin(replica);
  let session: number | undefined;
  let hasStruck = false;
  void first.promise.then((found) => {
    session = found;
    hasStruck = true;
  });
  await waitUntil(() => hasStruck, { timeoutMs: STRUCK_MS_MAX, what: `a request of ${run.operation}` });
  const fromMs = run.operation === 'join' ? provokedMs : performance.now();
  try {
    await FAULTS[run.fault]({ world, run, prepared, replica, proxy, session });
  } finally {
    proxy.release();
  }
  return { fromMs, toMs: performance.now() };
}

async function provokeJoin(replica: Replica): Promise<void> {
  await replica.process.stop();
  await replica.start();
}

/** What the struck connection sees. */
function actionOf({ fault, way, phase }: Run): Action {
  if (fault === 'error') return 'reset';
  if (fault === 'hang' || way === 'session') return 'hold';
  if (fault === 'half-open') return 'drop';
  if (fault === 'kill' && way === 'process') return phase === 'before' ? 'drop' : 'pass';
  return fault === 'stop' && phase === 'before' ? 'hold' : 'pass';
}

interface Place {
  readonly world: World;
  readonly run: Run;
  readonly prepared: Prepared;
  readonly replica: Replica;
  readonly proxy: StrikingProxy;
  readonly session: number | undefined;
}

const FAULTS: Readonly<Record<Run['fault'], (place: Place) => Promise<void>>> = {
  error: (place) => lasting(place),
  hang: (place) => lasting(place),
  'half-open': (place) => lasting(place),
  async kill({ world, run, replica }) {
    if (run.way === 'process') {
      await elapse(RESTART_MS);
      await restart(replica);
    } else if (run.way === 'sessions') {
      for (let times = 0; times < SESSIONS_KILLED_TIMES; times += 1) {
        await world.database.ask(KILL_SESSIONS);
        await elapse(RESTART_MS);
      }
    } else {
      const server = placeOf(run.operation) === 'kafka' ? world.kafka : world.database;
      await server.kill();
      await elapse(RESTART_MS);
      await server.start();
    }
  },
  async stop({ world, run, replica, proxy, session }) {
    const signal = (name: NodeJS.Signals): void => {
      if (run.way === 'process') process.kill(replica.process.pid, name);
      else if (session === undefined) world.kafka.signal(name);
      else process.kill(session, name);
    };
    signal('SIGSTOP');
    // A stopped session gets its request, and does not answer it.
    if (run.way === 'session') proxy.release();
    await elapse(run.lastsMs);
    signal('SIGCONT');
  },
  async 'disk-full'({ world, run }) {
    await world.database.fill();
    await elapse(run.lastsMs);
    await world.database.free();
    // A server that could not write its log has ended.
    await world.database.ask('SELECT 1').catch(async () => {
      await world.database.kill();
      await world.database.start();
    });
  },
  async failover({ world, prepared }) {
    const old = world.database;
    const standby = prepared.standby as Database;
    await old.kill();
    await standby.ask('SELECT pg_promote(true, 60)');
    world.database = standby;
    for (const { postgres } of world.replicas) postgres.cut();
    await world.reopenStore();
    await old.end();
  },
  async restore({ world, run, prepared }) {
    await world.database.kill();
    if (run.way === 'restarted') await Promise.all(world.replicas.map(({ process }) => process.kill()));
    await world.database.setBack(prepared.copy as string);
    if (run.way === 'restarted') await Promise.all(world.replicas.map(restart));
  },
};

async function restart(replica: Replica): Promise<void> {
  await replica.start();
  await untilListening(replica);
}

async function lasting({ run, replica, proxy }: Place): Promise<void> {
  if (!run.stopsMeanwhile) {
    await elapse(run.lastsMs);
    return;
  }
  // SIGTERM while its dependency is away.
  const startedMs = performance.now();
  const stopped = replica.process.stop().then(() => performance.now() - startedMs);
  const [tookMs] = await Promise.all([stopped, elapse(run.lastsMs)]);
  if (tookMs > SHUTDOWN_MS_MAX + STARVED_MS) throw new Error(`the stop took ${Math.round(tookMs)} ms, limit ${SHUTDOWN_MS_MAX}`);
  proxy.release();
  await restart(replica);
}
