import type { LogKey, OpenLog, PublishStore } from '@recant/ledger';
import type pg from 'pg';
import { serverOf } from '../access/pool.ts';
import type { Failpoints } from '../append/failpoint.ts';
import { insertCheckpoint, readLastCheckpoint } from './checkpoints.ts';
import { readFacts } from './facts.ts';
import { readLeaves } from './leaves.ts';
import { listUnanchored, listUncosigned, markAnchored, markCosigned } from './outgoing.ts';
import { listLogKeys, UNINTEGRATED, UNPUBLISHED } from './pending.ts';
import { putTiles, readIntegrated, readTilesOrRefuse } from './tiles.ts';

/** First half of a log's publishing lock. Any fixed number; two logs with the same hash only wait for each other. */
const PUBLISH_LOCK = 726_714;
const LOCK = 'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked';
const UNLOCK = 'SELECT pg_advisory_unlock($1, hashtext($2))';

/** Publishing on PostgreSQL. Advisory locks end with their connection: a killed replica leaves none. */
export function createPublishStore(pool: pg.Pool, pass: Failpoints = () => {}): PublishStore {
  return {
    unpublished: () => listLogKeys(pool, UNPUBLISHED),
    unintegrated: () => listLogKeys(pool, UNINTEGRATED),
    publishing: (key, work) =>
      withClient(pool, (client) =>
        // Lock before BEGIN: the transaction's snapshot then includes everything the previous holder committed.
        underLock(client, PUBLISH_LOCK, `${key.tenant}/${key.shard}`, async () => {
          const result = await inTransaction(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ', async () => {
            const done = await work(openLog(client, key));
            pass('publishing.before');
            return done;
          });
          pass('publishing.after');
          return result;
        }),
      ),
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

function openLog(client: pg.ClientBase, key: LogKey): OpenLog {
  return {
    server: serverOf(client),
    facts: () => readFacts(client, key),
    integrated: (epoch) => readIntegrated(client, key, epoch),
    leaves: (from, to) => readLeaves(client, key, from, to),
    tiles: (epoch) => (tiles) => readTilesOrRefuse(client, key, epoch, tiles),
    putTiles: (epoch, tiles) => putTiles(client, key, epoch, tiles),
    lastCheckpoint: (epoch) => readLastCheckpoint(client, key, epoch),
    putCheckpoint: (checkpoint) => insertCheckpoint(client, key, checkpoint),
  };
}

/** Closes a connection that cannot roll back, which releases its locks. */
export async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    return await use(client);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

export async function inTransaction<T>(client: pg.ClientBase, begin: string, work: () => Promise<T>): Promise<T> {
  await client.query(begin);
  const result = await work();
  await client.query('COMMIT');
  return result;
}

/** Runs `work` under an advisory lock. @returns undefined, without running it, if another connection has the lock */
export async function underLock<T>(client: pg.ClientBase, group: number, name: string, work: () => Promise<T>): Promise<T | undefined> {
  const { rows } = await client.query(LOCK, [group, name]);
  if (!rows[0].locked) return undefined;
  try {
    return await work();
  } catch (error) {
    // A session lock outlives its transaction, but not its connection.
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    await client.query(UNLOCK, [group, name]).catch(() => {});
  }
}
