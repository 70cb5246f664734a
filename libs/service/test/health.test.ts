import { expect, test } from 'vitest';
import { rememberHealth } from '../src/health.ts';

test('who asks within a second is given what the first one found, whatever many ask', async () => {
  let now = 0;
  let looked = 0;
  const check = async () => {
    looked += 1;
    return { status: 'ok' as const };
  };
  const look = rememberHealth({ check }, () => now);
  await Promise.all(Array.from({ length: 100 }, look));
  now = 999;
  expect([(await look()).status, looked]).toEqual(['ok', 1]);
  now = 1_000;
  await look();
  expect(looked).toBe(2);
});
