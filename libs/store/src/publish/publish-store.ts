import type { LogKey, OpenLog, PublishStore } from '@recant/ledger';
import type pg from 'pg';
import type { Failpoints } from '../append/failpoint.ts';
import { insertCheckpoint, readLastCheckpoint } from './checkpoints.ts';
import { readFacts } from './facts.ts';
import { readLeaves } from './leaves.ts';
import { listUnanchored, listUncosigned, markAnchored, markCosigned } from './outgoing.ts';
import { listLogKeys, UNINTEGRATED, UNPUBLISHED } from './pending.ts';
import { putTiles, readIntegrated, readTilesOrRefuse } from './tiles.ts';

/** First half of the advisory lock of a log's publishing. Any fixed number; two logs whose names hash alike wait for each other, no more. */
const PUBLISH_LOCK = 726_714;
const LOCK = 'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked';
const UNLOCK = 'SELECT pg_advisory_unlock($1, hashtext($2))';

/** Publishing on PostgreSQL. Locks are held by a connection and fall with it: a killed replica leaves none. */
export function createPublishStore(pool: pg.Pool, pass: Failpoints = () => {}): PublishStore {
  return {
    unpublished: () => listLogKeys(pool, UNPUBLISHED),
    unintegrated: () => listLogKeys(pool, UNINTEGRATED),
    publishing: (key, work) =>
      withClient(pool, async (client) => {
        const lock = [PUBLISH_LOCK, `${key.tenant}/${key.shard}`];
        // Before BEGIN: the transaction's one moment is after everything that the last holder did.
        const { rows } = await client.query(LOCK, lock);
        if (!rows[0].locked) return undefined;
        const result = await inTransaction(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ', async () => {
          const done = await work(openLog(client, key));
          pass('publishing.before');
          return done;
        });
        pass('publishing.after');
        await client.query(UNLOCK, lock);
        return result;
      }),
    reading: (key, work) =>
      withClient(pool, (client) =>
        inTransaction(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', () => work(openLog(client, key))),
      ),
    unanchored: (anchor) => listUnanchored(pool, anchor),
    markAnchored: (...args) => markAnchored(pool, ...args),
    uncosigned: (witness) => listUncosigned(pool, witness),
    markCosigned: (...args) => markCosigned(pool, ...args),
  };
}

export function openLog(client: pg.ClientBase, key: LogKey): OpenLog {
  return {
    facts: () => readFacts(client, key),
    integrated: (epoch) => readIntegrated(client, key, epoch),
    leaves: (from, to) => readLeaves(client, key, from, to),
    tiles: (epoch) => (tiles) => readTilesOrRefuse(client, key, epoch, tiles),
    putTiles: (epoch, tiles) => putTiles(client, key, epoch, tiles),
    lastCheckpoint: (epoch) => readLastCheckpoint(client, key, epoch),
    putCheckpoint: (checkpoint) => insertCheckpoint(client, key, checkpoint),
  };
}

/** A connection on which anything failed is closed, and with it its locks. */
export async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let failed = true;
  try {
    const result = await use(client);
    failed = false;
    return result;
  } finally {
    client.release(failed);
  }
}

export async function inTransaction<T>(client: pg.ClientBase, begin: string, work: () => Promise<T>): Promise<T> {
  await client.query(begin);
  const result = await work();
  await client.query('COMMIT');
  return result;
}
