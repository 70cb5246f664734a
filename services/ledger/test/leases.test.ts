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
  const news = { tell: () => {}, subscribe: () => () => {} };
  const leases = createLeases(
    { grant: async () => answer, learn: async () => answer, versions, forgetLeases: async () => {}, news },
    () => {},
  );
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

test('a wait without a change needs no second statement; a change is learnt once, and grants nothing under another version', async () => {
  const listeners = new Set<(tenant: string, event: 'changed' | 'answered') => void>();
  const calls: string[] = [];
  let version = 1;
  const answer = (call: string) => async () => {
    calls.push(call);
    return { version, granted: call === 'grant', freezes: [] };
  };
  const leases = createLeases(
    {
      grant: answer('grant'),
      learn: answer('learn'),
      versions: async (tenants) => new Map(tenants.map((tenant) => [tenant, 1])),
      forgetLeases: async () => {},
      news: {
        tell: (tenant, event) => listeners.forEach((listener) => void listener(tenant, event)),
        subscribe: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      },
    },
    () => {},
  );
  const tell = (event: 'changed' | 'answered') => listeners.forEach((listener) => void listener('acme', event));
  const ask = () => leases.ask('acme', REQUEST, 2_000, new AbortController().signal);

  const unchanged = ask();
  await vi.advanceTimersByTimeAsync(500);
  tell('answered');
  await vi.advanceTimersByTimeAsync(2_000);
  expect([await unchanged, calls.splice(0)]).toEqual([{ version: 1, granted: true, freezes: [] }, ['grant']]);

  const changed = ask();
  await vi.advanceTimersByTimeAsync(10);
  version = 2;
  tell('changed');
  expect([await changed, calls.splice(0)]).toEqual([{ version: 2, granted: false, freezes: [] }, ['grant', 'learn']]);

  // Woken for nothing, the lease that was granted still holds.
  const spurious = ask();
  await vi.advanceTimersByTimeAsync(10);
  tell('changed');
  expect((await spurious).granted).toBe(true);
  leases.stop();
  expect(listeners.size).toBe(0);
});
