import type { Duplex } from 'node:stream';
import pg from 'pg';
import { StoreError } from '../error.ts';
import { READER_ROLE, WRITER_ROLE } from '../migration/roles.ts';
import { requireSafeTransport } from '../transport.ts';
import { nameFailedConnects, nameFaultsOf } from './lost-connection.ts';
import { LONG_LIMITS, type SessionLimits } from './session-limits.ts';

/** Milliseconds to wait for a connection before the store counts as unavailable. */
export const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connections that run as the writer role, whatever rights the login has. A connection that breaks is replaced at its next use; its statements
 * reject. @param max bounds concurrent transactions
 */
export function createPool(connectionString: string, max: number, bounds: SessionLimits = LONG_LIMITS): pg.Pool {
  requireSafeTransport(connectionString);
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    application_name: 'recant',
    onConnect: (client: pg.ClientBase) => {
      nameFaultsOf(client);
      return becomeWriter(client, bounds);
    },
  } as pg.PoolConfig);
  pool.on('error', () => {});
  nameFailedConnects(pool);
  endLeases(pool, bounds.leaseMs);
  return pool;
}

const KEEPALIVE_MS = 10_000;

/** Member of pg's client that its type declarations omit, hence the cast below. */
interface WithStream {
  readonly connection: { readonly stream: Duplex };
}

/** Closes a connection that was not released in time: all of its statements reject at once. */
function endLeases(pool: pg.Pool, leaseMs: number): void {
  const leases = new WeakMap<pg.PoolClient, NodeJS.Timeout>();
  pool.on('acquire', (client) => {
    const end = () => {
      const error = Object.assign(new Error(`PostgreSQL did not finish within ${leaseMs} ms`), { code: 'ETIMEDOUT' });
      (client as unknown as WithStream).connection.stream.destroy(error);
    };
    leases.set(client, setTimeout(end, leaseMs));
  });
  pool.on('release', (_error, client) => clearTimeout(leases.get(client)));
}

/** The start of the server process and the number of the database: after a failover or a restore, at least one of them differs. */
const SERVER =
  "SELECT pg_catalog.pg_postmaster_start_time()::text || ' ' || oid AS server FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
const servers = new WeakMap<pg.ClientBase, string>();

/** Which copy of the database a connection of `createPool` reaches: what was read on one tells nothing about another. */
export function serverOf(client: pg.ClientBase): string {
  return servers.get(client) ?? '';
}

async function becomeWriter(client: pg.ClientBase, bounds: SessionLimits): Promise<void> {
  const settings = {
    lock_timeout: bounds.lockMs,
    statement_timeout: bounds.statementMs,
    idle_in_transaction_session_timeout: bounds.idleInTransactionMs,
    tcp_user_timeout: Math.min(bounds.leaseMs, TCP_MS_MAX),
  };
  const statements = [`SET ROLE ${WRITER_ROLE}`, ...Object.entries(settings).map(([name, ms]) => `SET ${name} = ${ms}`), SERVER];
  try {
    const results = (await client.query(statements.join(';'))) as unknown as readonly pg.QueryResult<{ server: string }>[];
    servers.set(client, results.at(-1)?.rows[0]?.server ?? '');
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code !== '22023' && code !== '42501') throw cause;
    const message = `The login of DATABASE_URL cannot SET ROLE ${WRITER_ROLE}: apply the migrations, then GRANT ${WRITER_ROLE}, ${READER_ROLE} to it.`;
    throw new StoreError('roles_missing', message, { cause });
  }
}

/** Unacknowledged data after which the server gives a connection up; in milliseconds. */
const TCP_MS_MAX = 30_000;
