import { explainTls } from '@recant/api';
import pg from 'pg';
import { StoreError } from './error.ts';
import { requireSafeTransport } from './transport.ts';

const TLS = { trust: 'add sslrootcert=FILE to DATABASE_URL', certificate: 'add sslcert=FILE and sslkey=FILE to DATABASE_URL' };
/** Connection timeout, milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Opens and closes one connection, to report a wrong URL at once. @throws StoreError with one line, without the password */
export async function checkConnection(connectionString: string): Promise<void> {
  requireSafeTransport(connectionString);
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

/** host:port/database */
function describeTarget(connectionString: string): string {
  const { searchParams, hostname, port, pathname } = new URL(connectionString);
  return `${searchParams.get('host') ?? hostname}:${searchParams.get('port') ?? (port || '5432')}${pathname}`;
}

function explain(cause: unknown, where: string): StoreError {
  const code = (cause as { code?: string }).code ?? '';
  const untrusted = explainTls(cause, TLS);
  if (untrusted !== undefined)
    return new StoreError('access_refused', `PostgreSQL at ${where} cannot be trusted: ${untrusted}.`, { cause });
  if (code === '28000')
    return new StoreError(
      'access_refused',
      `PostgreSQL at ${where} rejected this user, host or the missing TLS: correct DATABASE_URL (sslmode=verify-full) or pg_hba.conf.`,
      { cause },
    );
  if (code.startsWith('28'))
    return new StoreError('access_refused', `PostgreSQL at ${where} rejected the user or password: correct DATABASE_URL.`, { cause });
  if (code === '3D000')
    return new StoreError('access_refused', `PostgreSQL at ${where}: database does not exist; create it or correct DATABASE_URL.`, {
      cause,
    });
  const reason = code === '' ? (cause as Error).message : code;
  return new StoreError('unreachable', `PostgreSQL at ${where} is unreachable (${reason}): start it or correct DATABASE_URL.`, {
    cause,
  });
}
