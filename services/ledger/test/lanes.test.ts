import { expect, test } from 'vitest';
import { createLanes } from '../src/lanes.ts';

test('lanes take turns, each in its own order, whatever the others hold', () => {
  const lanes = createLanes<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) lanes.add(item.slice(0, 1), item);
  const taken: (string | undefined)[] = [];
  for (let n = 0; n < 7; n++) {
    if (n === 3) lanes.add('b', 'b2');
    expect(lanes.peek()).toBe(lanes.peek());
    taken.push(lanes.take());
  }
  expect(taken).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'b2', 'a3']);
  expect([lanes.peek(), lanes.take()]).toEqual([undefined, undefined]);
});
