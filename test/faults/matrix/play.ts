import { OPERATOR_TENANT } from '@recant/events';
import { readOffsetRanges } from '@recant/kafka';
import { waitUntil } from '@recant/test-support';
import { auditWorld } from './audit.ts';
import { elapse } from './elapse.ts';
import { Journal } from './journal.ts';
import { cellOf, type Run } from './plan.ts';
import { SHARDS } from './replica.ts';
import { createStopwatch, type Stages } from './stopwatch.ts';
import { prepare, strike } from './strike.ts';
import { TENANTS, type World } from './world.ts';

/**
 * The stated limit: however long one connection, replica, session or tenant is stuck, another tenant's append is acknowledged within it. It is the sum of the
 * product's own: a turn of 1 s, 3 s for a lock, 5 s for a key, and a retry.
 */
export const OTHERS_MS_MAX = 10_000;
/** An append within the limit has so many exchanges, each as slow as the machine: a failed try, a new connection, a key look-up, the append. */
const STARVED_TIMES = 4;
const WARM_MS_MAX = 180_000;
const RECOVERY_MS_MAX = 300_000;
const EPOCH_EVERY_MS = 2_000;
/** Between two looks at what only the servers know. */
const POLL_MS = 200;

export interface Result {
  readonly n: number;
  readonly cell: string;
  readonly run: Run;
  /** Empty: everything held. */
  readonly problems: readonly string[];
  /** Milliseconds. */
  readonly figures: {
    readonly away: number;
    readonly baseline: number;
    readonly othersAnswered: number;
    readonly othersAcknowledged: number;
    readonly limit: number;
    readonly recovery: number;
  };
  readonly stages: Stages;
  readonly acknowledged: number;
  readonly setBack: readonly string[];
}

/** One run: load, fault, recovery, audit. The world may be used again if no problem was found. */
export async function play(world: World, run: Run): Promise<Result> {
  const journal = new Journal();
  const watch = createStopwatch();
  world.observed = journal;
  const before = acknowledgedOf(world);
  const sending = world.senders.map((sender) => sender.send());
  const querying = query(world, journal);
  const mayBeSetBack = run.fault === 'restore' || run.way === 'asynchronous';
  const problems: string[] = [];
  let figures: Result['figures'] | undefined;
  try {
    const startedMs = performance.now();
    await moreFromAll(world, 2, WARM_MS_MAX, 'the load to start');
    watch.ends('warm');
    world.note(`run ${run.n}: ${cellOf(run)} (${run.way})`);
    const prepared = await prepare(world, run);
    watch.ends('prepare');
    if (run.fault === 'restore' || run.fault === 'failover') await leave(world, run);
    await moreFromAll(world, 2, WARM_MS_MAX, 'the load before the fault');
    watch.ends('load');
    const { fromMs, toMs } = await strike(world, run, prepared);
    world.note(`struck ${Math.round(performance.now() - fromMs)} ms ago, is back since ${Math.round(performance.now() - toMs)} ms`);
    watch.ends('fault');
    await prepared.release();
    const openedMs = await recover(world, journal, mayBeSetBack);
    watch.ends('recover');
    world.note('recovered');
    const othersBefore = journal.othersMs(startedMs, fromMs);
    const others = journal.othersMs(fromMs);
    const away = isAway(run) ? Math.max(toMs, openedMs) - fromMs : 0;
    const limit = Math.round(OTHERS_MS_MAX + away + STARVED_TIMES * othersBefore.acknowledged);
    figures = {
      away: Math.round(toMs - fromMs),
      baseline: othersBefore.acknowledged,
      othersAnswered: others.answered,
      othersAcknowledged: others.acknowledged,
      limit,
      recovery: Math.round(performance.now() - toMs),
    };
    if (others.acknowledged > limit) problems.push(`another tenant's append waited ${others.acknowledged} ms, limit ${limit}`);
  } finally {
    for (const sender of world.senders) sender.stop();
    querying.stop();
  }
  await within(Promise.all([...sending, querying.ended]), RECOVERY_MS_MAX, 'the last events to be acknowledged');
  await caughtUp(world);
  watch.ends('drain');
  if (!mayBeSetBack) for (const what of journal.setBacks) problems.push(`said to be set back: ${what}`);
  problems.push(...journal.problems, ...(await auditWorld(world)));
  watch.ends('audit');
  const acknowledged = acknowledgedOf(world) - before;
  return { n: run.n, cell: cellOf(run), run, problems, figures, stages: watch.stages, acknowledged, setBack: [...journal.setBacks] };
}

/** Whether what the fault strikes, or what is restarted before a join or stopped meanwhile, serves everybody. */
function isAway({ operation, fault, way, replicas, stopsMeanwhile }: Run): boolean {
  if ((operation === 'join' || stopsMeanwhile) && replicas === 1) return true;
  return ['disk-full', 'failover', 'restore'].includes(fault) || way === 'server' || (way === 'process' && replicas === 1);
}

const acknowledgedOf = ({ senders, left }: World): number =>
  [...senders, ...left].reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);

async function moreFromAll({ senders }: World, more: number, timeoutMs: number, what: string, during = async () => {}): Promise<void> {
  const marks = senders.map(({ acknowledged }) => acknowledged.length + more);
  const isDone = () => senders.every(({ acknowledged }, at) => acknowledged.length >= (marks[at] as number));
  await waitUntil(async () => isDone() || (await during()), { timeoutMs, what });
}

/** A source whose last events the fault may lose, and which is then gone. Its events are in an anchor before that. */
async function leave(world: World, run: Run): Promise<void> {
  const tenant = TENANTS[1];
  const sender = world.leaver(tenant, run.n);
  world.left.push(sender);
  await within(sender.send(3), WARM_MS_MAX, 'the events of a source that leaves');
  const last = sender.acknowledged.at(-1) as string;
  const agent = world.agent(tenant);
  await waitUntil(async () => (await agent.durability(sender.source, last)).covered, { timeoutMs: WARM_MS_MAX, what: 'its anchor' });
}

/**
 * Waits until everybody's events are recorded again. A person opens an epoch for each log that the ledger says was set back; where one may have been, the
 * person is done when every log was compared with its anchors, also a log that nobody writes to now.
 * @returns when the last one was opened, monotonic milliseconds; 0: none. Until then such a log accepts nothing.
 */
async function recover(world: World, journal: Journal, mayBeSetBack: boolean): Promise<number> {
  const person = createPerson(world, journal);
  await moreFromAll(world, 3, RECOVERY_MS_MAX, 'every source to be recorded again', person.looks);
  if (mayBeSetBack)
    await waitUntil(
      async () => {
        await person.looks();
        return person.isDone();
      },
      { timeoutMs: RECOVERY_MS_MAX, what: 'every log to be compared with its anchors', pollMs: POLL_MS },
    );
  await caughtUp(world, person.looks);
  return person.openedMs();
}

/** Looks every two seconds whether the ledger says that a log was set back, and then opens an epoch of each that was. */
function createPerson(world: World, journal: Journal) {
  const compared = new Set<string>();
  let triedMs = 0;
  let openedMs = 0;
  const open = async (tenant: string, shard: number): Promise<void> => {
    const opened = await world
      .operator(tenant)
      .openEpoch(shard, 'a fault of the matrix')
      .then(() => 'opened')
      .catch((error: { code?: string }) => error.code);
    if (opened === 'opened') openedMs = performance.now();
    world.note(`an epoch of ${tenant}/${shard}: ${opened}`);
    if (opened === 'opened' || opened === 'epoch_not_needed') compared.add(`${tenant}/${shard}`);
  };
  const openAll = async (tenant: string): Promise<void> => {
    for (let shard = 0; shard < SHARDS; shard += 1) if (!compared.has(`${tenant}/${shard}`)) await open(tenant, shard);
  };
  return {
    async looks(): Promise<void> {
      if (performance.now() - triedMs < EPOCH_EVERY_MS) return;
      if (await isSaidSetBack(world, journal)) await Promise.all([...TENANTS, OPERATOR_TENANT].map(openAll));
      triedMs = performance.now();
    },
    isDone: () => compared.size === (TENANTS.length + 1) * SHARDS,
    openedMs: () => openedMs,
  };
}

async function isSaidSetBack({ store }: World, journal: Journal): Promise<boolean> {
  if (journal.setBacks.has('ledger_tampered')) return true;
  const { alarms } = await store.alarms.list(OPERATOR_TENANT, { limit: 100, open: true });
  return alarms.some(({ code }) => code === 'log_tampered');
}

const HELD = 'SELECT FROM recant.held_message LIMIT 1';

/** Everything that the broker acknowledged has passed the stored positions, and nothing waits beside its log. */
async function caughtUp(world: World, during = async () => {}): Promise<void> {
  const { brokers } = world.kafka;
  const isCaughtUp = async () => {
    await during();
    const stored = new Map((await world.store.positions.read(world.topic)).map(({ partition, next }) => [partition, next]));
    const isRead = [...sentBefore].every(([partition, { high }]) => (stored.get(partition) ?? 0n) >= high);
    return isRead && (await world.store.pool.query(HELD)).rowCount === 0;
  };
  const sentBefore = await waitUntil(
    async () => {
      const ranges = await readOffsetRanges({ brokers }, world.topic);
      return ranges.size === SHARDS ? ranges : undefined;
    },
    { pollMs: POLL_MS, what: 'the offsets of every partition' },
  );
  await waitUntil(isCaughtUp, { timeoutMs: RECOVERY_MS_MAX, pollMs: POLL_MS, what: 'what Kafka acknowledged to be recorded' });
}

/** The struck tenant's viewer asks all the time. */
function query(world: World, journal: Journal): { stop(): void; readonly ended: Promise<void> } {
  let stopped = false;
  const loop = async () => {
    while (!stopped) {
      await world.viewer.attempts({}, { limit: 20 }).catch((error: { status?: number; message: string }) => {
        if (error.status === 500) journal.unexpected(`a list: ${error.message}`);
      });
      await elapse(250);
    }
  };
  const stop = () => {
    stopped = true;
  };
  return { stop, ended: loop() };
}

async function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Timed out after ${ms} ms waiting for ${what}`)), ms);
  return await Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
