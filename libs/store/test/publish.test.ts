import { type Anchor, anchorAll, createAnchorWatch, integrate, type LogKey, type PublishStore, publish, type Signer } from '@recant/ledger';
import { waitUntil } from '@recant/test-support';
import {
  ed25519Signer,
  Frontier,
  formatVerifierKey,
  leafHash,
  parseVerifierKey,
  proveConsistency,
  proveInclusion,
  readRoot,
  tileHashReader,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '@recant/transparency';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INTEGRATE_LEAVES_MAX } from '../../ledger/src/publish/integrate.ts';
import { signCheckpoint } from '../../ledger/src/publish/sign-checkpoint.ts';
import { type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

const LEDGER = 'example.org';
const noteSigner = ed25519Signer(LEDGER, new Uint8Array(32).fill(9));
const signer: Signer = {
  name: LEDGER,
  vkey: formatVerifierKey(noteSigner.key),
  sign: async (text) => noteSigner.sign(Buffer.from(text).toString()),
};
const log: LogKey = { tenant: 'acme', shard: 0 };
const policy = { origin: `${LEDGER}/acme/0/e1`, logKeys: [parseVerifierKey(signer.vkey)] };
let nowMs = NOW_MS;

const sign = (store: PublishStore, signers: readonly Signer[] = [signer]) => {
  nowMs += 1_000;
  return store.publishing(log, (open) => publish(log, open, { ledger: LEDGER, signers, anchored: [], nowMs }));
};
const integrateAll = async (store: PublishStore): Promise<void> => {
  while (await store.publishing(log, integrate));
};

/** Inserts entries with one statement, and a matching head, like many appends. */
async function grow(ownerUrl: string, leaves: Uint8Array[], to: number): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  const frames = Array.from({ length: to - leaves.length }, (_, n) => Buffer.from(`frame ${leaves.length + n}`));
  const from = leaves.length;
  for (const frame of frames) leaves.push(leafHash(frame));
  const frontier = Frontier.empty();
  frontier.append(leaves);
  await client.query("INSERT INTO recant.log VALUES ('acme', 0, 1, 4, 0, sha256(''), '', now()) ON CONFLICT DO NOTHING");
  await client.query(
    "INSERT INTO recant.entry (tenant_id, shard, idx, leaf, frame) SELECT 'acme', 0, $1 + n - 1, leaf, frame FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS k (leaf, frame, n)",
    [from, leaves.slice(from), frames],
  );
  await client.query("UPDATE recant.log SET size = $1, root = $2, frontier = $3 WHERE tenant_id = 'acme' AND shard = 0", [
    to,
    frontier.root(),
    frontier.serialize(),
  ]);
  await client.end();
}

describe('publishing', () => {
  let fixture: Fixture;
  const leaves: Uint8Array[] = [];
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  it.each([1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 131_100])(
    'at %i entries there is a signed checkpoint over tiles that prove every entry, consistent with the previous one',
    async (size) => {
      const { publishing, published } = fixture.store;
      const before = await published.checkpoint(log);
      await grow(fixture.ownerUrl, leaves, size);
      expect(await publishing.unintegrated()).toEqual([log]);
      await integrateAll(publishing);
      expect(await publishing.unintegrated()).toEqual([]);
      expect(await publishing.unpublished()).toEqual([log]);
      const checkpoint = await sign(publishing);
      const { root } = verifyCheckpoint(checkpoint?.note as Uint8Array, policy).checkpoint;
      expect(await publishing.unpublished()).toEqual([]);
      const reader = tileHashReader(BigInt(size), async (tiles) => (await published.tiles(log, tiles)) as Uint8Array[]);
      expect(await readRoot(BigInt(size), reader)).toEqual(Buffer.from(root));
      for (const index of new Set([0, size >> 1, size - 1]))
        verifyInclusion(
          BigInt(index),
          BigInt(size),
          leaves[index] as Uint8Array,
          await proveInclusion(BigInt(index), BigInt(size), reader),
          root,
        );
      if (before !== undefined)
        verifyConsistency(before, { size: BigInt(size), root }, await proveConsistency(before.size, BigInt(size), reader));
    },
  );

  it('signs a log at most once a second, and only if it grew', async () => {
    const { publishing } = fixture.store;
    const signedAtMs = nowMs;
    expect(await sign(publishing)).toBeUndefined();
    await grow(fixture.ownerUrl, leaves, leaves.length + 1);
    await integrateAll(publishing);
    nowMs = signedAtMs - 1;
    expect(await sign(publishing)).toBeUndefined();
    nowMs = signedAtMs;
    expect((await sign(publishing))?.signedAtMs).toBe(signedAtMs + 1_000);
  });

  it('two replicas can integrate and publish at once: each size is signed once, and neither waits', async () => {
    const replicas = [fixture.store, fixture.open()].map(({ publishing }) => publishing);
    await grow(fixture.ownerUrl, leaves, leaves.length + 2 * INTEGRATE_LEAVES_MAX + 5);
    await Promise.all(replicas.map(integrateAll));
    await integrateAll(replicas[0] as PublishStore);
    const signed = await Promise.all(Array.from({ length: 6 }, (_, n) => sign(replicas[n % 2] as PublishStore).catch(() => undefined)));
    expect(signed.filter((one) => one !== undefined)).toHaveLength(1);
    const { rows } = await fixture.store.pool.query('SELECT size FROM recant.checkpoint WHERE size = $1', [leaves.length]);
    expect(rows).toHaveLength(1);
  });

  it('signs with old and new key during a rotation, and with the new key afterwards', async () => {
    const next = ed25519Signer(LEDGER, new Uint8Array(32).fill(10));
    const nextSigner: Signer = {
      name: LEDGER,
      vkey: formatVerifierKey(next.key),
      sign: async (text) => next.sign(Buffer.from(text).toString()),
    };
    const { publishing } = fixture.store;
    for (const [signers, known] of [
      [[signer, nextSigner], signer],
      [[signer, nextSigner], nextSigner],
      [[nextSigner], nextSigner],
    ] as const) {
      await grow(fixture.ownerUrl, leaves, leaves.length + 1);
      await integrateAll(publishing);
      const checkpoint = await sign(publishing, signers);
      const { signatures } = verifyCheckpoint(checkpoint?.note as Uint8Array, { ...policy, logKeys: [parseVerifierKey(known.vkey)] });
      expect(signatures).toHaveLength(1);
      expect(checkpoint?.size).toBe(BigInt(leaves.length));
    }
  });

  it('never signs a tree that differs from an anchor, or a smaller one', async () => {
    const { publishing } = fixture.store;
    const size = BigInt(leaves.length);
    const kept = async (over: { size?: bigint; root?: Uint8Array; epoch?: number }): Promise<unknown> => {
      const head = { size, root: new Uint8Array(32), epoch: 1, anchor: 'folder', ...over };
      return publishing
        .publishing(log, (open) => publish(log, open, { ledger: LEDGER, signers: [signer], anchored: [head], nowMs: nowMs + 5_000 }))
        .catch((error) => error.rule);
    };
    expect(await kept({})).toBe('log_differs_from_anchor');
    expect(await kept({ size: 300n })).toBe('log_differs_from_anchor');
    expect(await kept({ size: size + 1n })).toBe('log_behind_anchor');
    expect(await kept({ epoch: 2, size: 1n })).toBe('epoch_behind_anchor');
    const frontier = Frontier.empty();
    frontier.append(leaves.slice(0, 300));
    expect(await kept({ size: 300n, root: frontier.root() })).toBeUndefined();
  });

  it('signs nothing while an anchor does not answer, and retries', async () => {
    let away = true;
    const anchor: Anchor = {
      name: 'away',
      put: async () => {},
      latest: async () => {
        if (away) throw new Error('away');
        return signCheckpoint(policy.origin, { size: 7n, root: new Uint8Array(32) }, [signer]);
      },
    };
    const watch = createAnchorWatch(LEDGER, [anchor], () => nowMs);
    await expect(watch.anchored(log, 1)).rejects.toThrow('away');
    away = false;
    const found = await watch.anchored(log, 1).catch((error) => error);
    // For the next epoch the anchor returns a note of this one, which does not count.
    expect(found).toMatchObject({ code: 'anchor_unavailable' });
  });

  it('stores the newest checkpoint in an anchor once, and again after a crash before the record', async () => {
    const puts: bigint[] = [];
    const anchor: Anchor = { name: 'memory', put: async ({ size }) => void puts.push(size), latest: async () => undefined };
    const watch = createAnchorWatch(LEDGER, [anchor], () => nowMs);
    const { publishing } = fixture.store;
    const crashing: PublishStore = { ...publishing, markAnchored: () => Promise.reject(new Error('killed')) };
    const context = { ledger: LEDGER, clock: () => nowMs, failed: () => {}, stopping: () => false };
    await expect(anchorAll(anchor, watch, { ...context, store: crashing })).rejects.toThrow('killed');
    await anchorAll(anchor, watch, { ...context, store: publishing });
    await anchorAll(anchor, watch, { ...context, store: publishing });
    expect(puts).toEqual([BigInt(leaves.length), BigInt(leaves.length)]);
  });

  it.each(['publishing.before', 'publishing.after'] as const)('killed at %s, resumes from the state in the database', async (point) => {
    const other = await openFixture();
    const lane = new Lane('killed');
    await other.store.appender.append([submit(other.credential, lane.intended(lane.action()))]);
    const failing = other.open({
      failpoints: (name) => {
        if (name === point) throw new Error('killed');
      },
    });
    const [key] = (await other.store.publishing.unintegrated()) as [LogKey];
    const step = async (store: PublishStore) => {
      await store.publishing(key, integrate);
      nowMs += 1_000;
      return store.publishing(key, (open) => publish(key, open, { ledger: LEDGER, signers: [signer], anchored: [], nowMs }));
    };
    await expect(step(failing.publishing)).rejects.toThrow('killed');
    await expect(
      failing.publishing.publishing(key, (open) => publish(key, open, { ledger: LEDGER, signers: [signer], anchored: [], nowMs })),
    ).rejects.toThrow('killed');
    // The lock of the killed process is released with its connection.
    await waitUntil(async () => {
      await step(other.store.publishing);
      return (await other.store.published.checkpoint(key))?.size === 2n;
    });
    expect(await other.store.publishing.unpublished()).toEqual([]);
    await other.expectSound();
    await other[Symbol.asyncDispose]();
  });

  it('a tile can only grow, for every role', async () => {
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    for (const statement of [
      "UPDATE recant.tile SET hashes = hashes || sha256('x') WHERE n = 0 AND level = 0",
      'UPDATE recant.tile SET hashes = substr(hashes, 1, 32)',
      'UPDATE recant.tile SET hashes = sha256(hashes)',
      'UPDATE recant.tile SET n = n + 1000',
      'DELETE FROM recant.tile',
      'TRUNCATE recant.tile',
    ])
      await expect(owner.query(`SET session_replication_role = replica; ${statement}`)).rejects.toThrow();
    await owner.end();
  });
});

describe('a proof', () => {
  it('among many entries reads at most 8 rows of tiles', async () => {
    await using fixture = await openFixture();
    const { explainProof } = await import('../../../test/bench/proof-reads.ts');
    const { rows, tiles } = await explainProof(fixture.ownerUrl, 100_000n);
    expect(tiles).toBeLessThanOrEqual(8);
    expect(rows).toBe(tiles);
  });
});
