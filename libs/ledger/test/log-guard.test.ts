import { expect, test } from 'vitest';
import { createAnchorWatch, createLogGuard } from '../src/index.ts';

const KNOWN_MAX = 100_000;

test('a log is checked at its first use; what is known of logs is bounded at any number of them, and a forgotten log is checked again', async () => {
  let checks = 0;
  // Logs without entries: nothing but the number of checks matters here.
  const open = { facts: async () => undefined };
  const reading = async (_log: object, work: (log: never) => Promise<unknown>) => {
    checks += 1;
    return work(open as never);
  };
  const watch = createAnchorWatch('', [], Date.now);
  const guard = createLogGuard({ store: { reading } as never, watch, clock: Date.now, alarm: () => expect.unreachable() });
  const log = (n: number) => ({ tenant: `tenant-${n}`, shard: 0 });
  for (let n = 0; n < KNOWN_MAX; n += 1) await guard.admit(log(n));
  expect(checks).toBe(KNOWN_MAX);
  await guard.admit(log(0));
  expect(checks).toBe(KNOWN_MAX);
  expect(guard.due()).toHaveLength(KNOWN_MAX);
  await guard.admit(log(KNOWN_MAX));
  await guard.admit(log(KNOWN_MAX));
  expect(checks).toBe(KNOWN_MAX + 1);
  // No more is remembered, to be compared with anchors; the publisher compares every log that it signs.
  expect(guard.due()).toHaveLength(KNOWN_MAX);
  await guard.admit(log(0));
  expect(checks).toBe(KNOWN_MAX + 2);
  guard.forget();
  await guard.admit(log(0));
  expect(checks).toBe(KNOWN_MAX + 3);
});
