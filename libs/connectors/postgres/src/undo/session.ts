import { ConnectorError } from '@recant/connector';
import pg from 'pg';
import { OUTPUT_SETTINGS } from '../install/trigger-sql.ts';

/** How long an inverse waits for a row that somebody holds, in milliseconds. */
const LOCK_TIMEOUT_MS = 30_000;
/** Serialisation failures and deadlocks are tried again this often. */
const TRIES_MAX = 5;

/** Nothing that somebody put into another schema is called by our own statements. */
const PINNED_PATH = 'SET LOCAL search_path = pg_catalog, pg_temp';

const SETTINGS = [
  PINNED_PATH,
  'SET LOCAL row_security = on',
  ...Object.entries(OUTPUT_SETTINGS).map(([name, value]) => `SET LOCAL ${name} = ${name === 'datestyle' ? value : `'${value}'`}`),
].join('; ');

export interface TransactionOptions {
  readonly lockTimeoutMs?: number;
  /** The work leaves nothing behind. */
  readonly rollBack?: boolean;
}

export type SqlError = Error & { readonly code: string };
export const isSqlError = (error: unknown): error is SqlError =>
  error instanceof Error && /^[0-9A-Z]{5}$/.test((error as Partial<SqlError>).code ?? '');

/** What the server says, without the values that it quotes where data is wrong (class 22): they are an agent's or a person's. */
export const wordsOf = ({ code, message }: SqlError): string =>
  `SQLSTATE ${code}: ${code.startsWith('22') ? message.replace(/".*"/s, '"***"') : message}`;

/** 40001 serialization_failure, 40P01 deadlock_detected: the same transaction may go through now. */
const isCollision = (error: unknown): boolean => isSqlError(error) && (error.code === '40001' || error.code === '40P01');

/** Nothing about the step: connection (08), resources (53), operator (57), system (58), lock not available, read-only server. */
export const isAway = (error: unknown): boolean => !isSqlError(error) || /^(08|53|57|58|55P03|25006|XX)/.test(error.code);

export const openPool = (url: string): pg.Pool => {
  const pool = new pg.Pool({ connectionString: url, max: 4, application_name: 'recant', connectionTimeoutMillis: 10_000 });
  // An idle connection that the server ends is replaced by the next call.
  pool.on('error', () => undefined);
  return pool;
};

/** The target's own triggers find what they name where the login's sessions find it. What `work` itself says is fully qualified. */
export async function underOwnPath(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('SET LOCAL search_path TO DEFAULT');
  await work();
  await client.query(PINNED_PATH);
}

/**
 * One transaction under the settings that images are written in.
 * @throws ConnectorError `unreachable` where nothing is known; SQL errors of the work itself as they are.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(pool, work, options);
    } catch (error) {
      if (isCollision(error) && tried < TRIES_MAX) continue;
      if (error instanceof ConnectorError || (!isAway(error) && !isCollision(error))) throw error;
      throw awayError(error);
    }
  }
}

/** A server that answers says why it cannot now: 25006 read_only_sql_transaction, 53100 disk_full. */
function awayError(error: unknown): ConnectorError {
  const { code, message } = error as { code?: string; message: string };
  if (code === '25006')
    return new ConnectorError('read_only', `The target is read-only: ${message}. Use the address of the primary, or reset the setting.`, {
      cause: error,
    });
  if (code === '53100') return new ConnectorError('disk_full', `The target has no space: ${message}. Free space there.`, { cause: error });
  return new ConnectorError('unreachable', `Target database unreachable: ${message}`, { cause: error });
}

/** A connection that ends while it is in use fails the query under way; its event says nothing more. */
const ignore = (): void => undefined;

async function once<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
  { lockTimeoutMs = LOCK_TIMEOUT_MS, rollBack = false }: TransactionOptions,
): Promise<T> {
  const client = await pool.connect();
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${lockTimeoutMs}; ${SETTINGS}`);
    const result = await work(client);
    await client.query(rollBack ? 'ROLLBACK' : 'COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(broken);
  }
}
