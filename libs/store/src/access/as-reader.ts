import { createFairSlots, type FairSlots } from '@recant/queues';
import type pg from 'pg';
import { READER_ROLE } from '../migration/roles.ts';
import { cancelStatement } from './cancel-statement.ts';

/** Statement timeout in milliseconds: bounds how long a broad query occupies a connection. */
const READ_MS_MAX = 60_000;

const slotsOfPools = new WeakMap<pg.Pool, FairSlots>();

/** Tenants share the connections of a pool round-robin; no tenant gets all of them. */
function readSlotsOf(pool: pg.Pool): FairSlots {
  const slotsMax = pool.options.max ?? 1;
  const slots = slotsOfPools.get(pool) ?? createFairSlots(slotsMax, Math.max(1, slotsMax - 1));
  slotsOfPools.set(pool, slots);
  return slots;
}

/** One statement in fair turns with the other tenants' reads; for reads that need more than the reader's rights. */
export function inTurn<T>(pool: pg.Pool, tenant: string, read: () => Promise<T>): Promise<T> {
  return readSlotsOf(pool).run(tenant, read);
}

/**
 * One read-only transaction in which row-level security shows only this tenant's rows, whatever the statements are. Three round trips
 * instead of one (0.1 ms each on loopback, 2026-11), on a connection of the same pool.
 * @param signal aborted when nobody waits for the result any more: ends the running statement
 */
export function asReader<T>(pool: pg.Pool, tenant: string, read: (client: pg.PoolClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
  return readSlotsOf(pool).run(tenant, () => readAsTenant(pool, tenant, read, signal));
}

async function readAsTenant<T>(
  pool: pg.Pool,
  tenant: string,
  read: (client: pg.PoolClient) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const client = await pool.connect();
  let broken: Error | undefined;
  let cancelled: Promise<boolean> | undefined;
  const cancel = () => {
    cancelled = cancelStatement(client);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const scope = `SET LOCAL recant.tenant = ${client.escapeLiteral(tenant)}; SET LOCAL ROLE ${READER_ROLE}`;
    await client.query(`BEGIN READ ONLY; ${scope}; SET LOCAL statement_timeout = ${READ_MS_MAX}`);
    signal?.throwIfAborted();
    const result = await read(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // The role ends with the transaction: a connection that cannot roll back is closed.
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    client.release(broken ?? (cancelled && (await faultAfter(client, cancelled))));
  }
}

/** Lets a cancellation reach nobody else's statement. @returns why the connection must be closed instead */
async function faultAfter(client: pg.PoolClient, cancelled: Promise<boolean>): Promise<Error | undefined> {
  if (!(await cancelled)) return new Error('The server did not confirm a cancellation');
  return client.query('SELECT').then(
    () => undefined,
    (error: Error) => error,
  );
}
