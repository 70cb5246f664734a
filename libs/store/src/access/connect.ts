import { createFairSlots, type FairSlots } from '@recant/queues';
import pg from 'pg';
import { StoreError } from '../error.ts';
import { READER_ROLE, WRITER_ROLE } from '../migration/roles.ts';
import { requireSafeTransport } from '../transport.ts';

/** Milliseconds to wait for a connection before the store counts as unavailable. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** Connections that work as the writer, whatever the login may do besides. @param max what bounds the transactions at once. */
export function createPool(connectionString: string, max: number): pg.Pool {
  requireSafeTransport(connectionString);
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'recant',
    onConnect: becomeWriter,
  } as pg.PoolConfig);
  // A connection that breaks while idle is replaced on the next use; nobody waits for it.
  pool.on('error', () => {});
  return pool;
}

async function becomeWriter(client: pg.ClientBase): Promise<void> {
  try {
    await client.query(`SET ROLE ${WRITER_ROLE}`);
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code !== '22023' && code !== '42501') throw cause;
    const message = `The login of DATABASE_URL may not work as ${WRITER_ROLE}: apply the migrations, then GRANT ${WRITER_ROLE}, ${READER_ROLE} to it.`;
    throw new StoreError('roles_missing', message, { cause });
  }
}

/** Milliseconds of one statement: what takes longer is a question that was put too widely, and holds a connection that others wait for. */
const READ_MS_MAX = 60_000;

const slotsOfPools = new WeakMap<pg.Pool, FairSlots>();

/** Half of the connections read, so that appending always has the other half. Tenants share them round-robin; none gets all of them. */
function readSlotsOf(pool: pg.Pool): FairSlots {
  const slotsMax = Math.max(1, (pool.options.max ?? 1) >> 1);
  const slots = slotsOfPools.get(pool) ?? createFairSlots(slotsMax, Math.max(1, slotsMax - 1));
  slotsOfPools.set(pool, slots);
  return slots;
}

/**
 * One read-only transaction in which the database shows the rows of one tenant and of nobody else, whatever the statements say. Three round trips
 * instead of one (0.1 ms each on a loopback, 2026-11), on a connection of the same pool.
 */
export function asReader<T>(pool: pg.Pool, tenant: string, read: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return readSlotsOf(pool).run(tenant, () => readAlone(pool, tenant, read));
}

async function readAlone<T>(pool: pg.Pool, tenant: string, read: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    const named = `SET LOCAL recant.tenant = ${client.escapeLiteral(tenant)}; SET LOCAL ROLE ${READER_ROLE}`;
    await client.query(`BEGIN READ ONLY; ${named}; SET LOCAL statement_timeout = ${READ_MS_MAX}`);
    const result = await read(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // The role goes with the transaction: a connection that cannot end it is not used again.
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
