import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ReachedTopicsBody, reachTopics } from '@recant/api';
import { type ConnectionOptions, misfit, type OffsetRange, readOffsetRanges, readTopicIdentity } from '@recant/kafka';
import { type BoundRoute, handle } from '@recant/service';
import type { HeldMessages, KafkaPositions, StoredPosition } from '@recant/store';
import type { Topics } from './topics.ts';

/** Milliseconds between two looks at the stored positions. */
const LOOK_MS = 100;
/** Milliseconds that a broker has to answer, at least. */
const ASK_MS_MIN = 5_000;

export interface ReachDeps {
  readonly access: ConnectionOptions;
  readonly topics: Topics;
  readonly positions: Pick<KafkaPositions, 'read'>;
  readonly held: Pick<HeldMessages, 'backlogs'>;
}

/** @param deps undefined: without Kafka there is nothing to wait for */
export function reachRoutes(deps: ReachDeps | undefined): readonly BoundRoute[] {
  return [
    handle(reachTopics, async ({ caller: { tenant }, query: { waitMs = 0 }, signal }) => {
      const body = deps === undefined ? { topics: [], unread: [] } : await reach(deps, tenant, waitMs, signal);
      return { status: 200, body };
    }),
  ];
}

/** Any process can answer: brokers and store say what is read, whichever process reads it. */
async function reach(deps: ReachDeps, tenant: string, waitMs: number, signal: AbortSignal): Promise<ReachedTopicsBody> {
  const end = performance.now() + waitMs;
  const topic = deps.topics.of(tenant);
  // Read before the brokers are asked: a position beyond their end then does not fit.
  const before = await deps.positions.read(topic);
  const goal = await goalOf(deps.access, topic, Math.max(waitMs, ASK_MS_MIN));
  if (goal === undefined)
    return { topics: [], unread: [{ topic, state: 'unreachable', partitions: [] }], ...(await heldOf(deps, topic, before, tenant)) };
  const { identity, ranges } = goal;
  const isStopped = (one: StoredPosition) => misfit(one, identity, ranges.get(one.partition) ?? NOTHING) !== undefined;
  const stopped = before.filter(isStopped).map(({ partition }) => partition);
  for (;;) {
    const positions = await deps.positions.read(topic);
    const behind = behindOf(positions, ranges).filter((partition) => !stopped.includes(partition));
    const waiting = await heldOf(deps, topic, positions, tenant);
    if ((behind.length === 0 && waiting.held === undefined) || signal.aborted || performance.now() >= end) {
      const unread = [
        { topic, state: 'behind' as const, partitions: behind },
        { topic, state: 'stopped' as const, partitions: stopped },
      ].filter(({ partitions }) => partitions.length > 0);
      return { topics: unread.length === 0 ? [topic] : [], unread, ...waiting };
    }
    await delay(LOOK_MS);
  }
}

const NOTHING: OffsetRange = { low: 0n, high: 0n };

interface Goal {
  readonly identity: string;
  readonly ranges: ReadonlyMap<number, OffsetRange>;
}

/** How far the topic reaches now; undefined if no broker says so in time. */
async function goalOf(access: ConnectionOptions, topic: string, waitMs: number): Promise<Goal | undefined> {
  const ending = new AbortController();
  const asked = Promise.all([readTopicIdentity(access, topic), readOffsetRanges(access, topic)]).then(
    ([identity, ranges]) => ({ identity, ranges }),
    () => undefined,
  );
  const late = delay(waitMs, undefined, { signal: ending.signal, ref: false }).catch(() => undefined);
  return Promise.race([asked, late]).finally(() => ending.abort());
}

/** Partitions that are not read to the end of their range, ascending. */
function behindOf(positions: readonly StoredPosition[], ranges: Goal['ranges']): number[] {
  const next = new Map(positions.map((position) => [position.partition, position.next]));
  return [...ranges]
    .filter(([partition, { low, high }]) => (next.get(partition) ?? low) < high)
    .map(([partition]) => partition)
    .sort((a, b) => a - b);
}

/** Offsets count the messages of other tenants, too: only a digest of them leaves the ledger. */
async function heldOf(
  { held }: ReachDeps,
  topic: string,
  positions: readonly StoredPosition[],
  tenant: string,
): Promise<Pick<ReachedTopicsBody, 'held'>> {
  const backlogs = await held.backlogs(
    topic,
    positions.map(({ partition }) => partition),
  );
  const own = backlogs.filter((one) => one.tenant === tenant);
  if (own.length === 0) return {};
  const newest = JSON.stringify(own.map(({ shard, partition, last }) => [shard, partition, last]));
  const messages = own.reduce((sum, one) => sum + one.messages, 0);
  return { held: { messages, through: createHash('sha256').update(newest, 'utf8').digest('hex') } };
}
