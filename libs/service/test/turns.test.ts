import { expect, test } from 'vitest';
import { createTurns, type TurnLimits } from '../src/turns.ts';

const LIMITS: TurnLimits = { running: 3, runningOfTenant: 2, waitingOfKey: 3, waiting: 100, waitMs: 60_000 };
const never = new AbortController().signal;

/** Tasks that end when told, by name. */
function tasks(limits: Partial<TurnLimits> = {}) {
  const turns = createTurns({ ...LIMITS, ...limits });
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    turns,
    started,
    add(name: string, signal = never) {
      const [tenant = '', key = ''] = name.split('/');
      return turns.run({ tenant, key }, signal, () => {
        started.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      });
    },
    async end(name: string) {
      ends.get(name)?.();
      for (let n = 0; n < 8; n += 1) await Promise.resolve();
    },
  };
}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ran',
    (error: { code: string }) => error.code,
  );

test('tenants take turns, and within a tenant its keys; one tenant never has every slot', async () => {
  const { add, end, started } = tasks();
  const all = ['a/1/0', 'a/1/1', 'a/1/2', 'a/1/3', 'a/2/0', 'b/1/0', 'b/1/1'].map((name) => add(name));
  expect(started).toEqual(['a/1/0', 'a/1/1', 'b/1/0']);
  await end('a/1/0');
  await end('b/1/0');
  await end('a/1/1');
  expect(started.slice(3).toSorted()).toEqual(['a/1/2', 'a/2/0', 'b/1/1']);
  for (const name of started.slice()) await end(name);
  for (const name of started.slice()) await end(name);
  await Promise.all(all);
});

test('a full queue of a key refuses at once, and no other key', async () => {
  const { add, end, started, turns } = tasks();
  const running = [add('a/1/0'), add('a/1/1')];
  const waiting = [add('a/1/2'), add('a/1/3'), add('a/1/4')];
  expect(await codeOf(add('a/1/5'))).toBe('queue_full');
  const other = add('a/2/0');
  expect(turns.waiting).toBe(4);
  for (let n = 0; n < 8; n += 1) for (const name of started.slice()) await end(name);
  await Promise.all([...running, ...waiting, other]);
  expect(turns.waiting).toBe(0);
});

test('a task whose caller went away, or that waited too long, never starts and leaves nothing behind', async () => {
  const { add, end, started, turns } = tasks({ runningOfTenant: 1, waitMs: 5 });
  const running = add('a/1/0');
  const caller = new AbortController();
  const gone = codeOf(add('a/1/1', caller.signal));
  caller.abort();
  expect(await gone).toBe('gone');
  expect(await codeOf(add('a/1/2'))).toBe('waited_too_long');
  expect(await codeOf(add('a/1/3', caller.signal))).toBe('gone');
  expect(turns.waiting).toBe(0);
  await end('a/1/0');
  await running;
  expect(started).toEqual(['a/1/0']);
});

test('a task that throws gives its slot back', async () => {
  const { turns } = tasks({ running: 1, runningOfTenant: 1 });
  const fail = () => turns.run({ tenant: 'a', key: '1' }, never, async () => Promise.reject(new Error('no')));
  for (let n = 0; n < 3; n += 1) await expect(fail()).rejects.toThrow('no');
});
