import { expect, it } from 'vitest';
import { createFreshReads } from './fresh-reads.ts';

it('no call gets a read that started before it, and concurrent calls share one read', async () => {
  let value = 1;
  const reads: (readonly string[])[] = [];
  let release: () => void = () => {};
  const find = createFreshReads(async (keys: readonly string[]) => {
    reads.push(keys);
    const now = value;
    await new Promise<void>((resolve) => (release = resolve));
    return new Map(keys.map((key) => [key, now]));
  });
  const first = find('a');
  await Promise.resolve();
  value = 2;
  const late = [find('a'), find('b'), find('a')];
  release();
  expect(await first).toBe(1);
  await Promise.resolve();
  release();
  expect(await Promise.all(late)).toEqual([2, 2, 2]);
  expect(reads).toEqual([['a'], ['a', 'b']]);
});

it('a failed read rejects only the calls that shared it', async () => {
  let works = false;
  const find = createFreshReads(async (keys: readonly string[]) => {
    if (!works) throw new Error('unavailable');
    return new Map(keys.map((key) => [key, 1]));
  });
  await expect(find('a')).rejects.toThrow('unavailable');
  works = true;
  expect(await find('a')).toBe(1);
});
