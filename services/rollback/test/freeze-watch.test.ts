import type { FreezeStanding, TargetFreeze } from '@recant/connector';
import { createLogger } from '@recant/service';
import { waitUntil } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { createFreezeWatch, type FreezeWatch } from '../src/freeze-watch.ts';

let watch: FreezeWatch | undefined;
afterEach(() => watch?.stop());

/** One system, whose answers a test gives; looks come by news alone. */
function watched() {
  let inForce: { id: string; sources: readonly string[]; reason: string }[] = [];
  let listener: (tenant: string, event: 'changed' | 'answered') => void = () => {};
  const noted: [string, boolean][] = [];
  /** What the system was told, and how it answers. */
  const asked: { ids: string[]; answer(effective: boolean): void }[] = [];
  const enforce = (freezes: readonly TargetFreeze[]) =>
    new Promise<readonly FreezeStanding[]>((resolve) => {
      const ids = freezes.map(({ id }) => id);
      const standing = (effective: boolean) => (id: string) => ({ id, effective, logins: [], open: [], unfrozen: { count: 0, shown: [] } });
      asked.push({ ids, answer: (effective) => resolve(ids.map(standing(effective))) });
    });
  watch = createFreezeWatch({
    freezes: {
      enforced: async () => inForce,
      note: async (_tenant, id, _system, { effective }) => void noted.push([id, effective]),
      news: {
        tell: () => {},
        subscribe(to) {
          listener = to;
          return () => {};
        },
      },
    },
    systems: { list: async () => [{ name: 'shop', connector: 'postgres', freezes: true }] as never },
    targets: { open: async () => ({ freezing: { enforce } }) as never },
    tenant: async () => 'acme',
    log: createLogger({ name: 'test', level: 'silent' }),
    everyMs: 1_000_000,
  });
  watch.start();
  const set = (...ids: string[]) => {
    inForce = ids.map((id) => ({ id, sources: [], reason: 'r' }));
    listener('acme', 'changed');
  };
  return { asked, noted, set };
}

test('I11: a system is told of a freeze as soon as it is ordered, and asked again soon while something is open there', async () => {
  const { asked, noted, set } = watched();
  await waitUntil(() => asked.length === 1);
  asked[0]?.answer(true);
  set('one');
  await waitUntil(() => asked.length === 2);
  asked[1]?.answer(false);
  await waitUntil(() => asked.length === 3);
  asked[2]?.answer(true);
  await waitUntil(() => noted.length === 2);
  expect(noted).toEqual([
    ['one', false],
    ['one', true],
  ]);
});

test('I11: what changes while a system answers an older list reaches it at once, a thaw too', async () => {
  const { asked, set } = watched();
  await waitUntil(() => asked.length === 1);
  set('one');
  asked[0]?.answer(true);
  await waitUntil(() => asked.length === 2);
  set();
  asked[1]?.answer(true);
  await waitUntil(() => asked.length === 3);
  asked[2]?.answer(true);
  expect(asked.map(({ ids }) => ids)).toEqual([[], ['one'], []]);
});
