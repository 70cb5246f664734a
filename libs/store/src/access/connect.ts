import { createFairSlots, type FairSlots } from '@recant/queues';
import pg from 'pg';
import { StoreError } from '../error.ts';
import { READER_ROLE, WRITER_ROLE } from '../migration/roles.ts';
import { requireSafeTransport } from '../transport.ts';

/** Milliseconds to wait for a connection before the store counts as unavailable. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** Connections that run as the writer role, whatever rights the login has. @param max bounds concurrent transactions */
export function createPool(connectionString: string, max: number): pg.Pool {
  requireSafeTransport(connectionString);
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'recant',
    onConnect: becomeWriter,
  } as pg.PoolConfig);
  // A connection that breaks while idle is replaced at the next use.
  pool.on('error', () => {});
  return pool;
}

async function becomeWriter(client: pg.ClientBase): Promise<void> {
  try {
    await client.query(`SET ROLE ${WRITER_ROLE}`);
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code !== '22023' && code !== '42501') throw cause;
    const message = `The login of DATABASE_URL cannot SET ROLE ${WRITER_ROLE}: apply the migrations, then GRANT ${WRITER_ROLE}, ${READER_ROLE} to it.`;
    throw new StoreError('roles_missing', message, { cause });
  }
}

/** Statement timeout in milliseconds: bounds how long a broad query occupies a connection. */
const READ_MS_MAX = 60_000;

const slotsOfPools = new WeakMap<pg.Pool, FairSlots>();

/** Reads use half of the connections, so that appends always have the other half. Tenants share them round-robin; no tenant gets all. */
function readSlotsOf(pool: pg.Pool): FairSlots {
  const slotsMax = Math.max(1, (pool.options.max ?? 1) >> 1);
  const slots = slotsOfPools.get(pool) ?? createFairSlots(slotsMax, Math.max(1, slotsMax - 1));
  slotsOfPools.set(pool, slots);
  return slots;
}

/**
 * One read-only transaction in which row-level security shows only this tenant's rows, whatever the statements are. Three round trips
 * instead of one (0.1 ms each on loopback, 2026-11), on a connection of the same pool.
 */
export function asReader<T>(pool: pg.Pool, tenant: string, read: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return readSlotsOf(pool).run(tenant, () => readAsTenant(pool, tenant, read));
}

async function readAsTenant<T>(pool: pg.Pool, tenant: string, read: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    const scope = `SET LOCAL recant.tenant = ${client.escapeLiteral(tenant)}; SET LOCAL ROLE ${READER_ROLE}`;
    await client.query(`BEGIN READ ONLY; ${scope}; SET LOCAL statement_timeout = ${READ_MS_MAX}`);
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
    client.release(broken);
  }
}
