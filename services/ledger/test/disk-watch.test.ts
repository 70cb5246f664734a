import { StoreUnavailable } from '@recant/store';
import { expect, test } from 'vitest';
import { watchDisk } from '../src/alarm-watch.ts';

test('a disk is full from the append that says so until one succeeds, and not for other errors', async () => {
  let answer: Error | undefined;
  let nowMs = 0;
  const append = async () => {
    if (answer) throw answer;
    return [];
  };
  const disk = watchDisk({ append }, () => nowMs);
  const isFull = async () => [disk.conditions().map(({ code }) => code), (await disk.health()).status];
  answer = new StoreUnavailable('away', { cause: Object.assign(new Error('x'), { code: '57P01' }) });
  await expect(disk.appender.append([])).rejects.toBe(answer);
  expect(await isFull()).toEqual([[], 'ok']);
  answer = new StoreUnavailable('full', { cause: Object.assign(new Error('x'), { code: '53100' }) });
  await expect(disk.appender.append([])).rejects.toBe(answer);
  expect(await isFull()).toEqual([['store_full'], 'degraded']);
  answer = undefined;
  await disk.appender.append([]);
  expect(await isFull()).toEqual([[], 'ok']);
  answer = Object.assign(new Error('x'), { code: '53100' });
  await expect(disk.appender.append([])).rejects.toBe(answer);
  nowMs = 120_000;
  expect(await isFull()).toEqual([[], 'ok']);
});
