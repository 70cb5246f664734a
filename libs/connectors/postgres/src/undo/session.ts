import { ConnectorError } from '@recant/connector';
import pg from 'pg';
import { OUTPUT_SETTINGS } from '../install/trigger-sql.ts';

/** How long a statement waits for a lock that somebody holds, in milliseconds. */
const LOCK_TIMEOUT_MS = 30_000;
/** The same for an inverse: below the target's `deadlock_timeout` (1 s), so that it gives way first. */
export const STEP_LOCK_MS = 500;
/** How long a statement of an inverse may take altogether, in milliseconds. */
export const STATEMENT_MS = 60_000;
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
  readonly statementTimeoutMs?: number;
  /** For locks of our own tables. */
  readonly patienceMs?: number;
  /** How the session is known in the target meanwhile. */
  readonly application?: string;
  /** Cancels the statement under way. */
  readonly signal?: AbortSignal | undefined;
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

/** Not about what was read: connection (08), resources (53), operator (57), system (58), lock not available, read-only server. */
export const isAway = (error: unknown): boolean => !isSqlError(error) || /^(08|53|57|58|55P03|25006|XX)/.test(error.code);

/** How long after its own limit the server may be silent before its connection counts as lost, in milliseconds. */
const SILENCE_MS = 10_000;

export const openPool = (url: string, statementMs = 0): pg.Pool => {
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    application_name: 'recant',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(statementMs > 0 && { query_timeout: Math.max(statementMs, STATEMENT_MS) + SILENCE_MS }),
  });
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

/**
 * One transaction of inverses. Its connection was lost, or the whole server takes no writes: ConnectorError. Everything else is as it was thrown and belongs
 * to a step, collisions that outlast every try included.
 * @throws ConnectorError `unreachable | read_only | permission_denied`
 */
export async function inStepTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const limits = { lockTimeoutMs: STEP_LOCK_MS, statementTimeoutMs: STATEMENT_MS, ...options };
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(pool, work, limits);
    } catch (error) {
      if (isCollision(error) && tried < TRIES_MAX) continue;
      throw isSqlError(error) && error.code === '25006' ? awayError(error) : error;
    }
  }
}

/**
 * Waits longer for the locks of our own tables than for rows of the target: others hold them only while they work.
 * @throws ConnectorError `locked`
 */
export async function withPatience<R extends pg.QueryResultRow>(client: pg.ClientBase, statement: string): Promise<readonly R[]> {
  try {
    const results = (await client.query(
      `SELECT set_config('lock_timeout', current_setting('recant.patience_ms'), true), set_config('statement_timeout', '${STATEMENT_MS}', true); ${statement};
       SELECT set_config('lock_timeout', current_setting('recant.lock_ms'), true), set_config('statement_timeout', current_setting('recant.statement_ms'), true)`,
    )) as unknown as pg.QueryResult<R>[];
    return results[1]?.rows ?? [];
  } catch (error) {
    if (!isSqlError(error) || !/^(55P03|57014)$/.test(error.code)) throw error;
    throw new ConnectorError('locked', `The capture of the target is busy: ${error.message}.`, { cause: error });
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

/** 28: the login is refused; 3D000: there is no such database. Both need a person. */
async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (isSqlError(error) && /^(28|3D)/.test(error.code))
      throw new ConnectorError('permission_denied', `The target refuses the login: ${error.message}. Correct the registration.`, {
        cause: error,
      });
    throw awayError(error);
  }
}

/** A connection that ends while it is in use fails the query under way; its event says nothing more. */
const ignore = (): void => undefined;

const isReadTimeout = (error: unknown): error is Error => error instanceof Error && error.message === 'Query read timeout';

/** Between two requests to cancel: one that arrives between two statements cancels nothing. */
const CANCEL_EVERY_MS = 500;

/** Asks the server through a second connection. @returns ends it */
function cancelOn(signal: AbortSignal | undefined, pool: pg.Pool, client: pg.PoolClient): () => void {
  if (signal === undefined) return () => undefined;
  const { processID: pid } = client as unknown as { readonly processID: number };
  let timer: NodeJS.Timeout | undefined;
  const cancel = (): void => void pool.query('SELECT pg_cancel_backend($1::int)', [pid]).catch(ignore);
  const begin = (): void => {
    cancel();
    timer = setInterval(cancel, CANCEL_EVERY_MS);
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return () => {
    signal.removeEventListener('abort', begin);
    clearInterval(timer);
  };
}

async function once<T>(pool: pg.Pool, work: (client: pg.ClientBase) => Promise<T>, options: TransactionOptions): Promise<T> {
  const { lockTimeoutMs = LOCK_TIMEOUT_MS, statementTimeoutMs = 0, patienceMs = LOCK_TIMEOUT_MS, rollBack = false, application } = options;
  const client = await connect(pool);
  const stopCancelling = cancelOn(options.signal, pool, client);
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL recant.lock_ms = ${lockTimeoutMs}; SET LOCAL recant.patience_ms = ${patienceMs}; SET LOCAL statement_timeout = ${statementTimeoutMs}; SET LOCAL recant.statement_ms = ${statementTimeoutMs}; ${application === undefined ? '' : `SET LOCAL application_name = ${pg.escapeLiteral(application)};`} ${SETTINGS}`,
    );
    const result = await work(client);
    await client.query(rollBack ? 'ROLLBACK' : 'COMMIT');
    return result;
  } catch (error) {
    // A connection without an answer is left to the server, which the next worker asks to end it.
    if (isReadTimeout(error)) broken = error;
    else
      await client.query('ROLLBACK').catch((cause: Error) => {
        broken = cause;
      });
    // A connection that still answers was not lost: whatever failed is about the work.
    throw broken === undefined || error instanceof ConnectorError ? error : awayError(error);
  } finally {
    stopCancelling();
    client.off('error', ignore);
    client.release(broken);
  }
}
