import { expect, test } from 'vitest';
import { cachedHealth } from '../src/health.ts';

test('all requests within a second share one health result', async () => {
  let now = 0;
  let looked = 0;
  const check = async () => {
    looked += 1;
    return { status: 'ok' as const };
  };
  const readHealth = cachedHealth({ check }, () => now);
  await Promise.all(Array.from({ length: 100 }, readHealth));
  now = 999;
  expect([(await readHealth()).status, looked]).toEqual(['ok', 1]);
  now = 1_000;
  await readHealth();
  expect(looked).toBe(2);
});
