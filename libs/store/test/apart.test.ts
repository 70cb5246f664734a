import { shardOf } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool, withBundleSource } from '../src/index.ts';
import { type Fixture, Lane, NOW_MS, openFixture, SHARDS, submit } from './fixture.ts';

/** What one purpose does holds up no append: its connections, its snapshots. */
let fixture: Fixture;
let owner: pg.Client;
beforeAll(async () => {
  fixture = await openFixture();
  owner = new pg.Client({ connectionString: fixture.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await fixture?.[Symbol.asyncDispose]();
});

/** Appends events of this source, one commit each. */
async function append(lane: Lane, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const [receipt] = await fixture.store.appender.append([submit(fixture.credential, lane.intended(lane.action()))]);
    expect(receipt?.kind).toBe('appended');
  }
}

test('I4: with every connection of readers and publishers in use, events are appended and keys looked up (L11, r13)', async () => {
  const { store, credential } = fixture;
  const lane = new Lane('apart');
  await append(lane, 1);
  const released = new AbortController();
  const until = new Promise<void>((resolve) => released.signal.addEventListener('abort', () => resolve()));
  const limitOf = (pool: string) => store.pools().find(({ name }) => name === pool)?.limit ?? 0;
  // Dead letters are read by nobody else here: their reads wait.
  await owner.query('BEGIN; LOCK TABLE recant.dead_letter IN ACCESS EXCLUSIVE MODE');
  const busy = [
    ...Array.from({ length: limitOf('publish') + 2 }, (_, shard) => store.publishing.publishing({ tenant: 'acme', shard }, () => until)),
    ...Array.from({ length: limitOf('read') + 2 }, (_, n) => store.queries.deadLetters(`tenant-${n}`, { limit: 1 })),
  ];
  const inUse = () => store.pools().filter(({ name, inUse: used, limit }) => ['publish', 'read'].includes(name) && used === limit);
  await waitUntil(() => inUse().length === 2);
  await append(lane, 3);
  expect(await store.credentials.find(credential.keyId)).toBeDefined();
  expect(inUse()).toHaveLength(2);
  await owner.query('ROLLBACK');
  released.abort();
  await Promise.all(busy);
});

const BUFFERS = 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT size FROM recant.log WHERE tenant_id = $1 AND shard = $2 FOR UPDATE';
const SNAPSHOTS =
  'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()';
const COMMITS = 400;

test('I4: a long export keeps no dead versions of a log’s head, which every append would read (L13, r9)', async () => {
  const lane = new Lane('exported');
  const shard = shardOf('acme', lane.source, SHARDS);
  await append(lane, 2);
  const checkpoint =
    'INSERT INTO recant.checkpoint (tenant_id, shard, epoch, size, root, signed_at, note) VALUES ($1, $2, 1, 2, $3, now(), $4)';
  await owner.query(checkpoint, ['acme', shard, Buffer.alloc(32), Buffer.from('a note')]);
  const pool = createPool(fixture.url, 1);
  const query = { ledger: 'test.example', tenant: 'acme', made: new Date(NOW_MS).toISOString(), vkeys: [], shard };
  await withBundleSource(pool, query, async ({ logs: [log] }) => {
    const read: bigint[] = [];
    for await (const { index } of log?.entries() ?? []) {
      read.push(index);
      if (read.length > 1) continue;
      await append(lane, COMMITS);
      expect((await owner.query(SNAPSHOTS)).rows).toEqual([{ n: 0 }]);
    }
    expect(read).toEqual([0n, 1n]);
  });
  await pool.end();
  const plan = (await owner.query(BUFFERS, ['acme', shard])).rows[0]['QUERY PLAN'][0].Plan;
  // Without pruning one in a dozen commits adds a page.
  expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(COMMITS / 24);
  await fixture.expectSound();
});
