import { expect, it } from 'vitest';
import { createFreshReads } from './fresh-reads.ts';

it('no answer is of a read that began before its question, and those who ask at once share one', async () => {
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

it('a read that fails fails those who asked for it, and nobody else', async () => {
  let works = false;
  const find = createFreshReads(async (keys: readonly string[]) => {
    if (!works) throw new Error('away');
    return new Map(keys.map((key) => [key, 1]));
  });
  await expect(find('a')).rejects.toThrow('away');
  works = true;
  expect(await find('a')).toBe(1);
});
