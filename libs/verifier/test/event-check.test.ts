import { encodeEvent, eventId, formatSequence } from '@recant/events';
import { expect, it } from 'vitest';
import { type BatchResult, createEventCheck, type EventBatch, memoryScratch, type Scratch } from '../src/index.ts';

/** More than FACTS_IN_MEMORY_MAX. */
const EVENTS = 300_000;
const BATCH_EVENTS = 5_000;
const [TENANT, SHARD] = ['acme', 0];

/** Heartbeats of one source with the given sequence numbers. */
function batchOf(numbers: readonly number[], from: number): EventBatch {
  const bodies = numbers.map((n) =>
    TEMPLATE.replace('"heartbeat.1"', `"${eventId.heartbeat(n)}"`).replace(formatSequence(1), formatSequence(n)),
  );
  let end = 0;
  return {
    ...{ tenant: TENANT, shard: SHARD, shards: 1 },
    bytes: new Uint8Array(Buffer.from(bodies.join(''))),
    ends: Uint32Array.from(bodies, (body) => (end += body.length)),
    indexes: Float64Array.from(bodies, (_, n) => from + n),
  };
}
const TEMPLATE = Buffer.from(
  encodeEvent({
    ...{ specversion: '1.0', id: eventId.heartbeat(1), source: 'recant://acme/1', type: 'recant.source.heartbeat.v1' },
    ...{ time: '2026-11-23T09:30:00.000Z', sequence: formatSequence(1), agent: 'agent-1' },
    data: { nothingOlderThan: '2026-11-23T09:30:00.000Z' },
  }),
).toString();

/** A scratch that completes asynchronously, as files do. */
function slowScratch(): Scratch & { readonly appended: () => number } {
  const memory = memoryScratch();
  let appended = 0;
  return {
    async append(partition, bytes) {
      await new Promise((resolve) => setImmediate(resolve));
      appended += bytes.length;
      await memory.append(partition, bytes);
    },
    read: memory.read,
    appended: () => appended,
  };
}

it('finds duplicates and gaps among more events than fit in memory, with batches in flight', async () => {
  const scratch = slowScratch();
  const check = createEventCheck(scratch);
  const numbers = Array.from({ length: EVENTS }, (_, n) => n + 1);
  // The 200,001st event repeats the first and leaves a gap at its own number.
  numbers[200_000] = 1;
  const results: Promise<BatchResult>[] = [];
  for (let from = 0; from < EVENTS; from += BATCH_EVENTS)
    results.push(check.checkBatch(batchOf(numbers.slice(from, from + BATCH_EVENTS), from)));
  expect((await Promise.all(results)).filter(({ broken }) => broken !== undefined)).toEqual([]);
  const { duplicate, warnings } = await check.finish(new Set());
  expect(duplicate).toMatchObject({ rule: 'key_duplicate', shard: SHARD, index: 200_000n, detail: 'entry 0 of shard 0 is the same event' });
  expect(warnings).toMatchObject([{ rule: 'source_gap', index: 200_001n }]);
  expect(scratch.appended()).toBeGreaterThan(0);
});
