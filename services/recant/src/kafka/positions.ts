import { randomUUID } from 'node:crypto';
import { OPERATOR_TENANT } from '@recant/events';
import { type ConnectionOptions, misfit, readOffsetRanges, readTopicIdentity } from '@recant/kafka';
import { createKafkaPositions, createPool } from '@recant/store';
import { localActor, openLocalActs } from '../folder/local-acts.ts';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';

/** A ledger's database and its brokers. */
export interface KafkaPlace {
  readonly databaseUrl: string;
  readonly access: ConnectionOptions;
}

/** Offsets are decimal text: they exceed the numbers of JSON. */
export interface PositionRow {
  readonly topic: string;
  readonly partition: number;
  /** What the stored offset refers to; absent for a partition that was never assigned. */
  readonly cluster?: string;
  readonly next?: string;
  /** The broker's offsets, and what they refer to. */
  readonly low: string;
  readonly high: string;
  readonly broker: string;
  readonly lag?: string;
  /** Why the partition is stopped. */
  readonly problem?: string;
  /** After an adoption: messages that no service has read, nor will. */
  readonly unread?: Unread;
}

/** Offsets of a topic in a cluster. */
interface Unread {
  readonly cluster: string;
  readonly from: string;
  /** Absent: to the end, which is not known. */
  readonly through?: string;
}

/** Stored positions of a topic beside the broker's offsets, by partition. */
export async function listPositions({ databaseUrl, access }: KafkaPlace, topic: string): Promise<readonly PositionRow[]> {
  const pool = createPool(databaseUrl, 1);
  try {
    const stored = await createKafkaPositions(pool, OPERATOR_TENANT).read(topic);
    const broker = await readTopicIdentity(access, topic);
    const ranges = await readOffsetRanges(access, topic);
    return [...ranges.keys()]
      .toSorted((one, other) => one - other)
      .map((partition) => {
        const range = ranges.get(partition) ?? { low: 0n, high: 0n };
        const found = stored.find((each) => each.partition === partition);
        const offsets = { topic, partition, low: `${range.low}`, high: `${range.high}`, broker };
        if (found === undefined) return offsets;
        const problem = misfit(found, broker, range);
        const { cluster, next } = found;
        const place = { ...offsets, cluster, next: `${next}` };
        return problem === undefined ? { ...place, lag: `${range.high - next}` } : { ...place, problem };
      });
  } finally {
    await pool.end();
  }
}

export interface Adoption {
  readonly partition: number;
  /** `earliest`, `latest` or an offset that the broker has. */
  readonly from: string;
  readonly reason: string;
}

/** Stores another position, as an act with both and with what is skipped. A running service resumes the partition within 10 s. @throws CliError */
export async function adoptPosition(place: KafkaPlace, topic: string, adoption: Adoption, world: World): Promise<PositionRow> {
  const { partition, from, reason } = adoption;
  const found = (await listPositions(place, topic)).find((row) => row.partition === partition);
  if (found === undefined) throw new CliError(EXIT.usage, `Topic ${topic} has no partition ${partition}`);
  const next = offsetOf(found, from);
  const before = found.next === undefined ? undefined : BigInt(found.next);
  const unread = unreadBetween(found, next);
  const { acts, close } = await openLocalActs(place.databaseUrl, OPERATOR_TENANT, world);
  const pool = createPool(place.databaseUrl, 1);
  try {
    const old = found.next === undefined ? {} : { cluster: found.cluster as string, next: found.next };
    const detail = { old, new: { cluster: found.broker, next: `${next}` }, ...(unread && { unread: { ...unread } }) };
    const end = await acts.order({
      tenant: OPERATOR_TENANT,
      operation: 'adoptKafkaPosition',
      actor: localActor(),
      object: { topic, partition },
      reason,
      request: randomUUID(),
    });
    const adopted = await createKafkaPositions(pool, OPERATOR_TENANT).adopt(topic, { cluster: found.broker, partition, next }, before);
    await end(adopted ? { outcome: 'done', detail } : { outcome: 'refused', code: 'position_moved' });
    if (!adopted) throw new CliError(EXIT.refused, `The position of ${topic}/${partition} changed meanwhile`, 'List the positions again.');
  } finally {
    await pool.end();
    await close();
  }
  return { ...found, cluster: found.broker, next: `${next}`, lag: `${BigInt(found.high) - next}`, ...(unread && { unread }) };
}

/** What an adoption skips; undefined: nothing. Offsets of another cluster, or of a topic that was made again, are those of other messages. */
function unreadBetween({ cluster, next: stored, low, broker }: PositionRow, next: bigint): Unread | undefined {
  if (cluster !== undefined && stored !== undefined && cluster !== broker) return { cluster, from: stored };
  const from = BigInt(stored ?? low);
  return next > from ? { cluster: broker, from: `${from}`, through: `${next - 1n}` } : undefined;
}

function offsetOf({ low, high, topic, partition }: PositionRow, from: string): bigint {
  if (from === 'earliest') return BigInt(low);
  if (from === 'latest') return BigInt(high);
  if (!/^[0-9]{1,19}$/.test(from))
    throw new CliError(EXIT.usage, `--from: expected earliest, latest or an offset, got ${JSON.stringify(from)}`);
  const next = BigInt(from);
  if (next < BigInt(low) || next > BigInt(high))
    throw new CliError(EXIT.usage, `--from: expected an offset from ${low} to ${high} (${topic}/${partition}), got ${from}`);
  return next;
}
