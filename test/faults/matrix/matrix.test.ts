import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTopic } from '@recant/kafka';
import { testKafka } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Broker } from './broker.ts';
import { CELL_COUNT, cellOf, FAULTS, OPERATIONS, REPLICAS, type Run, runOf } from './plan.ts';
import { play } from './play.ts';
import { makeTemplate } from './postgres.ts';
import { openWorld, type World } from './world.ts';

/** A sample of `npm run test:faults:matrix`, in one world. */
const BASE = { replicas: 1, phase: 'after', skip: 1, lastsMs: 1_500, stopsMeanwhile: false } as const;
const SAMPLE: readonly Run[] = [
  { ...BASE, n: 1, operation: 'look-up', fault: 'half-open', way: 'connection', phase: 'before', skip: 0 },
  // A killed process keeps its partition for half a minute: `ledger-kill.test.ts` has it.
  { ...BASE, n: 2, operation: 'position', fault: 'kill', way: 'sessions' },
  { ...BASE, n: 3, operation: 'query', fault: 'failover', way: 'synchronous' },
];

let folder: string;
let world: World;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-matrix-'));
  const [{ brokers }] = await Promise.all([testKafka({ partitions: 1 }), makeTemplate(join(folder, 'template'))]);
  const kafka = brokerOf(brokers);
  world = await openWorld({
    folder: join(folder, 'world'),
    template: join(folder, 'template'),
    kafka,
    replicas: 1,
    seed: Date.now() % 1_000_000,
  });
}, 180_000);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** The broker of the test run, which no run of the sample strikes. */
function brokerOf(brokers: string[]): Broker {
  const kept = () => Promise.reject(new Error('the broker is not this file’s'));
  const port = Number(brokers[0]?.split(':')[1]);
  const createTopic = (name: string, partitions: number) => ensureTopic({ brokers }, name, partitions);
  return { brokers, port, createTopic, kill: kept, start: kept, signal: () => {}, end: kept };
}

test.each(SAMPLE)(
  'I2, I4: $operation × $fault ($way): every acknowledged event is recorded once, in its source’s order, and other tenants wait within the limit',
  { timeout: 240_000 },
  async (run) => {
    expect(await play(world, run)).toMatchObject({ problems: [] });
  },
);

test('a seed plans every cell once a round, each time in another way', () => {
  const round = (from: number) => Array.from({ length: CELL_COUNT }, (_, n) => runOf(7, from + n));
  const cells = OPERATIONS.flatMap((operation) =>
    FAULTS.flatMap((fault) => REPLICAS.map((replicas) => cellOf({ operation, fault, replicas }))),
  );
  for (const from of [0, CELL_COUNT]) expect(round(from).map(cellOf).sort()).toEqual(cells.sort());
  const waysOf = (runs: readonly Run[]) => runs.map((run) => `${cellOf(run)} ${run.way} ${run.phase} ${run.skip} ${run.lastsMs}`).sort();
  expect(waysOf(round(0))).not.toEqual(waysOf(round(CELL_COUNT)));
  expect(round(0)).toEqual(round(0));
});
