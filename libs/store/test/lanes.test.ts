import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { createLanes } from '../src/access/lanes.ts';
import { createTurns } from '../src/access/turns.ts';

test('lanes take turns, each in its own order, whatever the others hold', () => {
  const lanes = createLanes<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) lanes.add(item.slice(0, 1), item);
  const taken: (string | undefined)[] = [];
  for (let n = 0; n < 7; n++) {
    if (n === 3) lanes.add('b', 'b2');
    expect(lanes.peek()).toBe(lanes.peek());
    taken.push(lanes.take()?.item);
  }
  expect(taken).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'b2', 'a3']);
  expect([lanes.peek(), lanes.take()]).toEqual([undefined, undefined]);
  for (const item of ['a1', 'b1']) lanes.add(item.slice(0, 1), item);
  expect(lanes.take((lane) => lane !== 'a')).toEqual({ lane: 'b', item: 'b1' });
  expect(lanes.take((lane) => lane !== 'a')).toBeUndefined();
});

test('so many run at once, and one who waits is behind one of everybody else’s, not behind all of one', async () => {
  const turns = createTurns(2);
  const order: string[] = [];
  const ends: (() => void)[] = [];
  let running = 0;
  const start = (lane: string, n: number) =>
    turns.run(lane, async () => {
      order.push(`${lane}${n}`);
      running += 1;
      expect(running).toBeLessThanOrEqual(2);
      await new Promise<void>((end) => ends.push(end));
      running -= 1;
      if (n === 2) throw new Error('failed');
    });
  const all = Promise.allSettled([...[1, 2, 3, 4, 5].map((n) => start('a', n)), start('b', 1)]);
  for (let n = 0; n < 6; n++) (await waitUntil(() => ends.shift()))();
  expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect(order).toEqual(['a1', 'a2', 'a3', 'b1', 'a4', 'a5']);
});

test('a lane that is slow has no more than its part, whatever it wants', async () => {
  const turns = createTurns(3, 2);
  const held = Promise.withResolvers<void>();
  let slow = 0;
  const all = Array.from({ length: 5 }, () =>
    turns.run('slow', async () => {
      slow += 1;
      await held.promise;
    }),
  );
  for (let n = 0; n < 10; n++) await turns.run('quick', async () => expect(slow).toBe(2));
  held.resolve();
  await Promise.all(all);
  expect(slow).toBe(5);
});
