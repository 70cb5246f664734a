import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CountedRefusal, createRefusals } from '../src/acts/refusals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const recorder = () => {
  const recorded: CountedRefusal[] = [];
  const refusals = createRefusals(
    () => Date.now(),
    async (counted) => void recorded.push(counted),
  );
  return { recorded, refusals };
};
const revoked = (operation = 'submitEvents') => ({ tenant: 'acme', code: 'unauthenticated', operation, actor: { id: 'k1' } });
const countsOf = (recorded: readonly CountedRefusal[]) => recorded.map(({ repeated }) => repeated.count);

test('an agent that retries for 15 minutes under a revoked key leaves five acts that count every refusal', async () => {
  const { recorded, refusals } = recorder();
  for (let second = 0; second < 900; second += 1) {
    refusals.count(revoked());
    await vi.advanceTimersByTimeAsync(1_000);
  }
  await refusals.flush();
  expect(recorded.length).toBeLessThanOrEqual(5);
  expect(countsOf(recorded)[0]).toBeLessThanOrEqual(2);
  expect(countsOf(recorded).reduce((sum, each) => sum + each, 0)).toBe(900);
});

test('callers and codes are counted apart, operations of one caller together', async () => {
  const { recorded, refusals } = recorder();
  refusals.count(revoked());
  refusals.count(revoked('putPart'));
  refusals.count({ ...revoked(), code: 'role_missing' });
  refusals.count({ ...revoked(), actor: { id: 'k2' } });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(countsOf(recorded)).toEqual([2, 1, 1]);
  expect(recorded[0]).toMatchObject({ operation: '*', operations: { submitEvents: 1, putPart: 1 } });
});

test('a caller that stops is forgotten after its window, and its next refusal is recorded within a second', async () => {
  const { recorded, refusals } = recorder();
  refusals.count(revoked());
  await vi.advanceTimersByTimeAsync(11_000);
  expect(vi.getTimerCount()).toBe(0);
  refusals.count(revoked());
  await vi.advanceTimersByTimeAsync(1_000);
  expect(countsOf(recorded)).toEqual([1, 1]);
});

test('more callers than the limit are counted by code alone', async () => {
  const { recorded, refusals } = recorder();
  for (let n = 0; n < 10_000; n += 1) refusals.count({ ...revoked(), actor: { id: `k${n}` } });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(recorded.length).toBe(4_097);
  expect(recorded.at(-1)).toMatchObject({ code: 'unauthenticated', operation: 'submitEvents', repeated: { count: 10_000 - 4_096 } });
  expect(recorded.at(-1)?.actor).toBeUndefined();
});
