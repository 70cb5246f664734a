import { createFairQueue, createFairSlots, createSerial } from '@recant/queues';
import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';

test('names are served round-robin, each in its own order', () => {
  const queue = createFairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.add(item.slice(0, 1), item);
  const taken: (string | undefined)[] = [];
  for (let n = 0; n < 7; n++) {
    if (n === 3) queue.add('b', 'b2');
    expect(queue.peek()).toBe(queue.peek());
    taken.push(queue.take()?.item);
  }
  expect(taken).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'b2', 'a3']);
  expect([queue.peek(), queue.take()]).toEqual([undefined, undefined]);
  for (const item of ['a1', 'b1']) queue.add(item.slice(0, 1), item);
  expect(queue.take((name) => name !== 'a')).toEqual({ name: 'b', item: 'b1' });
  expect(queue.take((name) => name !== 'a')).toBeUndefined();
});

test('no more tasks run at once than there are slots, and waiting names start round-robin', async () => {
  const slots = createFairSlots(2);
  const order: string[] = [];
  const ends: (() => void)[] = [];
  let running = 0;
  const start = (name: string, n: number) =>
    slots.run(name, async () => {
      order.push(`${name}${n}`);
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

test('slow tasks of one name never use every slot', async () => {
  const slots = createFairSlots(3, 2);
  const held = Promise.withResolvers<void>();
  let slow = 0;
  const all = Array.from({ length: 5 }, () =>
    slots.run('slow', async () => {
      slow += 1;
      await held.promise;
    }),
  );
  for (let n = 0; n < 10; n++) await slots.run('quick', async () => expect(slow).toBe(2));
  held.resolve();
  await Promise.all(all);
  expect(slow).toBe(5);
});

test('tasks of one key run in call order, also after one failed, and keys do not wait for each other', async () => {
  const inOrder = createSerial();
  const blocked = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = inOrder('a', async () => {
    await blocked.promise;
    order.push('a1');
    throw new Error('failed');
  });
  const second = inOrder('a', async () => order.push('a2'));
  await inOrder('b', async () => order.push('b1'));
  blocked.resolve();
  await expect(first).rejects.toThrow('failed');
  await second;
  expect(order).toEqual(['b1', 'a1', 'a2']);
});
