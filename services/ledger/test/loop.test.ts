import { createLogger } from '@recant/service';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLoop } from '../src/loop.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const logger = createLogger({ name: 'test', level: 'silent' });

test('failures back off up to a limit, and a success restores the interval', async () => {
  let well = false;
  const at: number[] = [];
  const startedAt = Date.now();
  const loop = createLoop(
    'it',
    1_000,
    async () => {
      at.push(Date.now() - startedAt);
      if (!well) throw new Error('away');
    },
    logger,
  );
  loop.start();
  await vi.advanceTimersByTimeAsync(45_000);
  expect(at).toEqual([0, 2_000, 6_000, 14_000, 26_000, 38_000]);
  expect(loop.failure).toBe('away');
  well = true;
  await vi.advanceTimersByTimeAsync(6_500);
  expect(at.slice(6)).toEqual([50_000, 51_000]);
  expect(loop.failure).toBeUndefined();
  await loop.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(at).toHaveLength(8);
});

test('a slow loop is not delayed further, and stopping ends the round early', async () => {
  let rounds = 0;
  let brokeOff = false;
  const gate = Promise.withResolvers<void>();
  const loop = createLoop(
    'it',
    60_000,
    async (stopping) => {
      if (rounds++ < 2) throw new Error('away');
      await gate.promise;
      brokeOff = stopping();
    },
    logger,
  );
  loop.start();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(rounds).toBe(3);
  const stopped = loop.stop();
  gate.resolve();
  await stopped;
  expect(brokeOff).toBe(true);
});
