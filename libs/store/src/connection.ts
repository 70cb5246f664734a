import pg from 'pg';
import { StoreError } from './error.ts';

/** Milliseconds to wait for a server that does not answer. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Opens and closes one connection, so that a wrong URL is told at once and in one line. The password is never part of it. */
export async function checkConnection(connectionString: string): Promise<void> {
  const where = describeTarget(connectionString);
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    throw explain(cause, where);
  }
  await client.end();
}

function describeTarget(connectionString: string): string {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new StoreError('url_invalid', 'DATABASE_URL is not a PostgreSQL URL: give it as postgres://user:password@host:5432/database.');
  }
  return `${url.hostname}:${url.port || '5432'}${url.pathname}`;
}

function explain(cause: unknown, where: string): StoreError {
  const code = (cause as { code?: string }).code ?? '';
  if (code.startsWith('28'))
    return new StoreError('access_refused', `PostgreSQL at ${where} refused the user or password: correct DATABASE_URL.`, { cause });
  if (code === '3D000')
    return new StoreError('access_refused', `PostgreSQL at ${where} has no such database: create it or correct DATABASE_URL.`, { cause });
  const reason = code === '' ? (cause as Error).message : code;
  return new StoreError('unreachable', `PostgreSQL at ${where} cannot be reached (${reason}): start it or correct DATABASE_URL.`, {
    cause,
  });
}
