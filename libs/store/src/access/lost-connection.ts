import type pg from 'pg';
import { StoreError, StoreUnavailable } from '../error.ts';

/**
 * pg's errors of a lost or closed connection have no code: gives them one, whichever way they reach the caller. Called before the first statement of a
 * connection, because it can be lost in the moment in which it is ready. Without the listener such an error would end the process.
 */
export function nameFaultsOf(client: pg.ClientBase): void {
  let lost: Error | undefined;
  const lose = (error: Error) => {
    lost ??= named(error);
  };
  client.on('error', (error) => lose(named(error)));
  client.on('end', () => lose(new Error('The connection to PostgreSQL was closed')));
  const nameOf = (error: Error): Error => ('code' in error ? error : (lost ?? error));
  // Looked up at each call, because instrumentation replaces the method of the class.
  const query = (...args: unknown[]): unknown => (Object.getPrototypeOf(client) as pg.ClientBase).query.apply(client, args as never);
  const naming = (...args: unknown[]) => {
    const then = args.at(-1);
    if (typeof then === 'function')
      return query(...args.slice(0, -1), (error: Error | null, result: unknown) => then(error && nameOf(error), result));
    const result = query(...args);
    return result instanceof Promise ? result.catch((error: Error) => Promise.reject(nameOf(error))) : result;
  };
  client.query = naming as typeof client.query;
}

/** An error with a code is decided by it alone. */
function named<E extends Error>(error: E): E {
  return 'code' in error ? error : Object.assign(error, { code: 'ECONNRESET' });
}

type Connected = (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void;

/** A connection that cannot be had, for whichever reason, is a store that is away. */
export function nameFailedConnects(pool: pg.Pool): void {
  const connect = pool.connect.bind(pool);
  const naming = (then?: Connected): Promise<pg.PoolClient> | undefined => {
    if (then === undefined) return connect().catch((error: Error) => Promise.reject(asUnavailable(error)));
    connect((error, client, done) => then(error && asUnavailable(error), client, done));
    return undefined;
  };
  pool.connect = naming as typeof pool.connect;
}

function asUnavailable(error: Error): StoreError {
  if (error instanceof StoreError) return error;
  const { code } = error as { code?: string };
  return new StoreUnavailable(`No connection to PostgreSQL (${code ?? error.message}): check that it runs and accepts this login.`, {
    cause: error,
  });
}
