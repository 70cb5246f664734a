import { type ConnectionOptions, readOffsetRanges } from '@recant/kafka';
import type { Logger } from '@recant/service';
import type { KafkaPositions } from '@recant/store';
import { createLoop, type Loop } from './loop.ts';

/** Milliseconds between two looks: each opens a connection to a broker. */
const LAG_MS = 15_000;

export interface KafkaLag extends Pick<Loop, 'start' | 'stop'> {
  /** Messages that the broker has and the ledger does not, as of the last look; also of partitions that nobody reads. */
  lags(): readonly { readonly topic: string; readonly partition: number; readonly messages: number }[];
}

/** Compares the broker's ends with stored positions. While the store is away, the last known positions count: the lag grows, as it does in truth. */
export function createKafkaLag(
  { access, topics }: { readonly access: ConnectionOptions; readonly topics: readonly string[] },
  positions: Pick<KafkaPositions, 'read'>,
  logger: Logger,
): KafkaLag {
  const next = new Map<string, bigint>();
  let last: ReturnType<KafkaLag['lags']> = [];
  const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

  async function look(topic: string): Promise<ReturnType<KafkaLag['lags']>> {
    const stored = await positions.read(topic).catch(() => []);
    for (const position of stored) next.set(keyOf(topic, position.partition), position.next);
    const ranges = await readOffsetRanges(access, topic);
    return [...ranges].map(([partition, { low, high }]) => {
      const lag = high - (next.get(keyOf(topic, partition)) ?? low);
      return { topic, partition, messages: Math.max(0, Number(lag)) };
    });
  }

  const loop = createLoop(
    'lag',
    LAG_MS,
    async () => {
      const found = await Promise.all(topics.map(look));
      last = found.flat();
    },
    logger,
  );
  return { start: loop.start, stop: loop.stop, lags: () => last };
}
