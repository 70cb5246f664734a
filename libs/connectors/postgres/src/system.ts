import { type Capture, type CapturingSystem, ConnectorError } from '@recant/connector';
import type { AttemptRef, Effect } from '@recant/events';
import { namingOf, settlingOf } from './record/naming.ts';
import { createClientRecorder } from './record/record.ts';
import { CONNECTOR, parseRow } from './resource.ts';

/** What is used of a `pg` client and pool. */
export interface PostgresClient {
  // biome-ignore lint/suspicious/noExplicitAny: the shape of pg's own `query`, whose rows are what the caller says they are
  query(text: string, values?: unknown[]): Promise<{ rows: any[]; rowCount: number | null }>;
}
export interface PostgresPool {
  connect(): Promise<PooledClient>;
}
export interface PooledClient extends PostgresClient {
  release(error?: Error | boolean): void;
  /** A client that is handed out tells of its connection's end by this event, which nobody listening would end the process. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

export interface PostgresHandle {
  /**
   * Runs `work` in a transaction of this attempt; commits when it resolves, rolls back when it rejects. May be called several times, one after the
   * other: one within another is refused as `locked` after `settleTimeoutMs`.
   * A rejected COMMIT leaves it open whether it took effect: the settlement asks the target.
   */
  transaction<T>(work: (client: PostgresClient) => Promise<T>): Promise<T>;
}

export interface PostgresSystem extends CapturingSystem<PostgresHandle> {
  /**
   * Records an existing client or pool of `pg`, or what an ORM is given: returns it with the same members. Statements that a tool sends through it
   * belong to the tool's attempt, with the transactions that the application or the ORM opens; everything else passes unchanged.
   * @throws ConnectorError `options_invalid`: no client or pool of `pg`
   */
  record<T extends object>(client: T): T;
}

export interface PostgresSystemOptions {
  readonly name: string;
  /** A pool of the agent's own login; not one that recorded clients exhaust. */
  readonly pool: PostgresPool;
  /** How long settling, and another transaction, waits for a transaction of the attempt that is still open, in milliseconds. Default: 10,000. */
  readonly settleTimeoutMs?: number;
}

const SETTLE_TIMEOUT_MS = 10_000;
/** How long capture, handle and settlement wait for a client of the pool. */
const CONNECT_TIMEOUT_MS = 10_000;

/** The recording side: names each transaction. What it changed comes from the target, by the drain; the agent reports nothing. */
export function postgresSystem({ name, pool, settleTimeoutMs = SETTLE_TIMEOUT_MS }: PostgresSystemOptions): PostgresSystem {
  const recorder = createClientRecorder();
  const isOpen = openOnce((attempt) => open(pool, name, attempt));
  return {
    name,
    connector: CONNECTOR,
    record: recorder.record,
    during: (attempt, captured, work) => recorder.during({ attempt, captured }, work),
    async capture(attempt, resources): Promise<Capture<PostgresHandle>> {
      for (const resource of resources) {
        if (parseRow(resource).system !== name)
          throw new ConnectorError('resource_invalid', `Resource of another system: expected postgres://${name}/..., got ${resource}.`);
      }
      await isOpen(attempt);
      let released = false;
      return {
        before: {},
        settlesLater: true,
        handle: {
          transaction: (work) => {
            if (released) throw new ConnectorError('capture_refused', 'The attempt has ended. Start a new attempt.');
            return runTransaction(pool, attempt, settleTimeoutMs, work);
          },
        },
        settle: () => settle(pool, attempt, settleTimeoutMs),
        release: async () => {
          released = true;
        },
      };
    },
  };
}

/** The query that was under way fails by itself. */
const ignore = (): void => undefined;

const refOf = (attempt: AttemptRef): unknown[] => [attempt.source, attempt.action, attempt.attempt];

/** Opens the first attempt of each source; later ones are opened by the transaction that they name. */
function openOnce(openAttempt: (attempt: AttemptRef) => Promise<void>): (attempt: AttemptRef) => Promise<void> {
  const opened = new Map<string, Promise<void>>();
  return (attempt) => {
    const opening = opened.get(attempt.source) ?? openAttempt(attempt);
    opened.set(attempt.source, opening);
    opening.catch(() => opened.delete(attempt.source));
    return opening;
  };
}

async function open(pool: PostgresPool, name: string, attempt: AttemptRef): Promise<void> {
  const { rows } = await withClient(pool, (client) => client.query('SELECT recant.open_attempt($1, $2, $3) AS system', refOf(attempt)));
  const system = (rows[0] as { system?: string } | undefined)?.system;
  if (system !== name)
    throw new ConnectorError('not_prepared', `Wrong system name: expected ${name}, the database is prepared as ${system}.`);
}

async function runTransaction<T>(
  pool: PostgresPool,
  attempt: AttemptRef,
  timeoutMs: number,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  const client = await connect(pool);
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query(beginning(attempt, timeoutMs)).catch((cause: unknown) => {
      throw lockedRefusal(cause) ?? cause;
    });
    const result = await work(client);
    await client.query('COMMIT');
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

/**
 * A transaction that opens its attempt holds every other one of the attempt until it ends: they wait for as long as a settlement does, then are refused. The
 * application's own limit, where it has one, is not changed, and holds again afterwards.
 */
const beginning = (attempt: AttemptRef, timeoutMs: number): string =>
  `BEGIN; SELECT pg_catalog.set_config('recant.lock_timeout', pg_catalog.current_setting('lock_timeout'), true), pg_catalog.set_config('lock_timeout', CASE pg_catalog.current_setting('lock_timeout') WHEN '0' THEN '${Math.round(timeoutMs)}ms' ELSE pg_catalog.current_setting('lock_timeout') END, true); ${namingOf(attempt)}; SELECT pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('recant.lock_timeout'), true)`;

function lockedRefusal(cause: unknown): ConnectorError | undefined {
  if ((cause as { code?: string }).code !== '55P03') return undefined;
  return new ConnectorError(
    'locked',
    'Another transaction of this action is still open, and this one cannot begin before it ends. Run them one after the other, or both writes in one transaction.',
    { cause },
  );
}

/** Waits for the attempt's open transactions, then closes it in the target: later ones are refused. No effects: the target is the witness (I14). */
async function* settle(pool: PostgresPool, attempt: AttemptRef, timeoutMs: number): AsyncGenerator<Effect> {
  // One text is one transaction.
  const text = `SELECT pg_catalog.set_config('lock_timeout', '${Math.round(timeoutMs)}ms', true); ${settlingOf(attempt)}`;
  await withClient(pool, (client) => client.query(text));
  yield* [];
}

async function withClient<T>(pool: PostgresPool, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await connect(pool).catch((cause: unknown) => {
    throw refusalOf(cause);
  });
  client.on('error', ignore);
  let failed: Error | undefined;
  try {
    return await work(client);
  } catch (cause) {
    const refusal = refusalOf(cause);
    if (refusal.code === 'unreachable') failed = refusal;
    throw refusal;
  } finally {
    client.off('error', ignore);
    client.release(failed);
  }
}

/** @throws ConnectorError `unreachable` if the pool has no client in time */
async function connect(pool: PostgresPool): Promise<PooledClient> {
  const connecting = pool.connect();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      connecting.then(
        (client) => client.release(),
        () => undefined,
      );
      const message = `The pool of postgresSystem had no client within ${CONNECT_TIMEOUT_MS} ms. Give the system a pool of its own, or a larger one.`;
      reject(new ConnectorError('unreachable', message));
    }, CONNECT_TIMEOUT_MS);
  });
  try {
    return await Promise.race([connecting, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** SQLSTATE 3F000 and 42883: no schema `recant`, no such function; 42501: not allowed; 55000: settled; 22023: malformed. */
function refusalOf(cause: unknown): ConnectorError {
  if (cause instanceof ConnectorError) return cause;
  const { code, message } = cause as { code?: string; message?: string };
  if (code === '3F000' || code === '42883')
    return new ConnectorError('not_prepared', 'The database is not prepared for capture. Run preparePostgres.', { cause });
  if (code === '42501' || code === '55000' || code === '22023') return new ConnectorError('capture_refused', `${message}`, { cause });
  return new ConnectorError('unreachable', `Target database unreachable: ${message}`, { cause });
}
