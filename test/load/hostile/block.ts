import { elapse } from '../../faults/matrix/elapse.ts';
import type { HONEST, Stage } from './stage.ts';

/** What honest tenants got while somebody flooded one topic. */
export interface Block {
  readonly topic: string;
  readonly eventsPerSecond: number;
  /** By tenant and way. */
  readonly rates: Readonly<Record<string, number>>;
  /** Milliseconds of a batch of an honest tenant over HTTP, and over Kafka until it is recorded: 50th and 99th percentile. */
  readonly batchMs: { readonly http: readonly [number, number]; readonly kafka: readonly [number, number] };
  readonly memoryMb: { readonly min: number; readonly max: number; readonly last: number };
  readonly behindMax: number;
  /** Until the ledger had recorded what the block left, milliseconds. */
  readonly settledMs: number;
}

const SAMPLE_MS = 1_000;

export async function measureBlock(stage: Stage, topic: string, ms: number): Promise<Block> {
  const { senders } = stage;
  const before = senders.map(({ recorded }) => recorded);
  for (const sender of senders) sender.times();
  const startedAt = performance.now();
  const memory: number[] = [];
  let behindMax = 0;
  while (performance.now() - startedAt < ms) {
    await elapse(Math.min(SAMPLE_MS, ms));
    memory.push(await stage.memoryMb());
    behindMax = Math.max(behindMax, await stage.behind());
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const rates = senders.map(({ recorded }, at) => (recorded - (before[at] as number)) / seconds);
  const timesOf = (way: 'http' | 'kafka') => senders.filter((sender) => sender.way === way).flatMap((sender) => sender.times());
  return {
    topic,
    eventsPerSecond: rates.reduce((sum, rate) => sum + rate, 0),
    rates: Object.fromEntries(senders.map(({ tenant, way }, at) => [`${tenant} ${way}`, rates[at] as number])),
    batchMs: { http: percentiles(timesOf('http')), kafka: percentiles(timesOf('kafka')) },
    memoryMb: { min: Math.min(...memory), max: Math.max(...memory), last: memory.at(-1) as number },
    behindMax,
    settledMs: 0,
  };
}

export const tenantRate = ({ rates }: Block, tenant: (typeof HONEST)[number]): number =>
  Object.entries(rates).reduce((sum, [name, rate]) => (name.startsWith(`${tenant} `) ? sum + rate : sum), 0);

function percentiles(times: readonly number[]): readonly [number, number] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return [at(0.5), at(0.99)];
}
