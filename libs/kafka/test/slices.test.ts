import { BATCH_EVENTS_MAX } from '@recant/events';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { expect, test } from 'vitest';
import { misfit, placeBatch, restMs, retryDelayMs } from '../src/partition-state.ts';
import { slicesOf } from '../src/slices.ts';

test('slices touch each other, cover the batch, keep order and stay within their bounds', () => {
  const messages = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 3 }), size: fc.integer({ min: 0, max: 50 }) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 120 }), (shape, eventsMax, bytesMax) => {
      let offset = 10;
      const batch = shape.map(({ gap, size }) => {
        offset += gap;
        return { offset: String(offset), value: Buffer.alloc(size), headers: {} } as unknown as KafkaMessage;
      });
      const place = { cluster: 'c', topic: 't', partition: 0, from: 10n, next: BigInt(offset) + 2n };
      const slices = [...slicesOf(place, batch, { eventsMax, bytesMax })];
      expect(slices[0]?.from).toBe(10n);
      expect(slices.at(-1)?.next).toBe(place.next);
      for (const [n, slice] of slices.entries()) {
        if (n > 0) expect(slice.from).toBe(slices[n - 1]?.next);
        expect(slice.messages.length).toBeLessThanOrEqual(eventsMax);
        const bytes = slice.messages.reduce((sum, message) => sum + message.value.length, 0);
        expect(bytes <= bytesMax || slice.messages.length === 1).toBe(true);
      }
      expect(slices.flatMap((slice) => slice.messages.map((message) => String(message.offset)))).toEqual(
        batch.map((message) => message.offset),
      );
    }),
  );
});

test('a slice counts the events of its messages; a message with more than a batch may have is one', () => {
  const place = { cluster: 'c', topic: 't', partition: 0, from: 0n, next: 9n };
  const message = (offset: number, lines: number, kind = 'events') =>
    ({ offset: String(offset), value: Buffer.from('x\n'.repeat(lines)), headers: { 'recant-kind': kind } }) as unknown as KafkaMessage;
  const messages = [
    message(0, 3),
    message(1, 2),
    message(2, 1),
    message(3, 50, 'part'),
    message(4, 4),
    message(5, BATCH_EVENTS_MAX + 1),
    message(6, 9),
  ];
  const slices = [...slicesOf(place, messages, { eventsMax: 5, bytesMax: 1_000_000 })];
  expect(slices.map((slice) => slice.messages.map(({ offset }) => Number(offset)))).toEqual([[0, 1], [2, 3], [4, 5], [6]]);
});

test('a batch is accepted only from the stored position, and a position out of range stops the partition', () => {
  expect(placeBatch(7n, undefined, 7n)).toEqual({ kind: 'append', from: 7n });
  expect(placeBatch(7n, undefined, 9n)).toEqual({ kind: 'seek', to: 7n });
  expect(placeBatch(7n, 7n, 9n)).toEqual({ kind: 'append', from: 7n });
  expect(placeBatch(7n, 7n, 6n)).toEqual({ kind: 'seek', to: 7n });
  const range = { low: 5n, high: 20n };
  expect([5n, 20n].map((next) => misfit({ cluster: 'c/t', next }, 'c/t', range))).toEqual([undefined, undefined]);
  expect([4n, 21n].map((next) => misfit({ cluster: 'c/t', next }, 'c/t', range)?.includes('outside'))).toEqual([true, true]);
  expect(misfit({ cluster: 'c/t', next: 7n }, 'c/u', range)).toContain('recreated');
});

test('retry delays grow and stay bounded', () => {
  expect([1, 2, 3, 6, 100].map(retryDelayMs)).toEqual([250, 500, 1_000, 5_000, 5_000]);
});

test('a partition that was read to its end rests twice as long as its append took, and a tenth of a second at most', () => {
  expect([0, 4, 50, 30_000].map(restMs)).toEqual([0, 8, 100, 100]);
});
