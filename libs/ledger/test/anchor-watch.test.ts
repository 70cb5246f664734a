import { ed25519Signer, encodeNote, formatCheckpoint, signNote } from '@recant/transparency';
import { expect, test } from 'vitest';
import { type Anchor, createAnchorWatch, originOf } from '../src/index.ts';

const LOG = { tenant: 'acme', shard: 3 };
const LEDGER = 'example.org/ledger';
const signer = ed25519Signer('example.org', new Uint8Array(32).fill(1));
const noteOf = (size: bigint, epoch = 1): Uint8Array =>
  encodeNote(
    signNote(formatCheckpoint({ origin: originOf(LEDGER, LOG, epoch), size, root: new Uint8Array(32).fill(Number(size)) }), [signer]),
  );

function world() {
  const stored = new Map<string, Uint8Array>();
  let nowMs = 0;
  const anchor: Anchor = { name: 'memory', put: async () => {}, latest: async (origin) => stored.get(origin) };
  const watch = createAnchorWatch(LEDGER, [anchor], () => nowMs);
  const store = (size: bigint) => stored.set(originOf(LEDGER, LOG, 1), noteOf(size));
  return {
    anchor,
    watch,
    store,
    wait: (ms: number) => (nowMs += ms),
    sizes: async (server?: string) => (await watch.anchored(LOG, 1, server)).map(({ size }) => size),
  };
}

test('a checkpoint that a restored ledger puts again hides no larger one in the anchor', async () => {
  const { anchor, watch, store, sizes } = world();
  store(44n);
  watch.saw(anchor, noteOf(22n));
  expect(await sizes()).toEqual([44n]);
});

test('puts do not delay the next reading of an anchor, in which another replica may have put more', async () => {
  const { anchor, watch, store, wait, sizes } = world();
  store(10n);
  expect(await sizes()).toEqual([10n]);
  store(30n);
  for (let second = 0; second < 61; second += 1) {
    watch.saw(anchor, noteOf(11n));
    wait(1_000);
  }
  expect(await sizes()).toEqual([30n]);
});

test('a checkpoint that was put counts at once, and no smaller one replaces it', async () => {
  const { anchor, watch, store, sizes } = world();
  store(10n);
  expect(await sizes()).toEqual([10n]);
  watch.saw(anchor, noteOf(20n));
  watch.saw(anchor, noteOf(15n));
  expect(await sizes()).toEqual([20n]);
});

test('another copy of the database is compared with what the anchors have now', async () => {
  const { store, sizes, wait } = world();
  store(10n);
  expect(await sizes('primary')).toEqual([10n]);
  store(30n);
  wait(1_000);
  expect(await sizes('primary')).toEqual([10n]);
  expect(await sizes('standby')).toEqual([30n]);
});

test('who names no copy gets what the anchors have now', async () => {
  const { store, sizes } = world();
  store(10n);
  expect(await sizes('primary')).toEqual([10n]);
  store(30n);
  expect(await sizes()).toEqual([30n]);
});
