import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLeases } from '../src/leases.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const REQUEST = { source: 'recant://bot/one', agent: 'bot', applied: 0 };

test('the database is asked only for tenants with recorders that wait, and not at all when the last one has gone', async () => {
  const asked: string[][] = [];
  const versions = async (tenants: readonly string[]) => {
    asked.push([...tenants]);
    return new Map(tenants.map((tenant) => [tenant, 1]));
  };
  const answer = { version: 1, granted: true, freezes: [] };
  const leases = createLeases({ grant: async () => answer, versions, forgetLeases: async () => {} }, () => {});
  const first = new AbortController();
  const second = new AbortController();
  const waiting = [leases.ask('acme', REQUEST, 60_000, first.signal), leases.ask('globex', REQUEST, 60_000, second.signal)];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(new Set(asked.map(String))).toEqual(new Set(['acme,globex']));
  first.abort();
  asked.length = 0;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(new Set(asked.map(String))).toEqual(new Set(['globex']));
  second.abort();
  await Promise.all(waiting);
  asked.length = 0;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
  // And again for the next one.
  const third = leases.ask('acme', REQUEST, 60_000, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked.length).toBeGreaterThan(1);
  leases.stop();
  await third;
});
