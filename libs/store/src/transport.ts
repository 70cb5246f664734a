import { BlockList, isIP, isIPv6 } from 'node:net';
import { parse } from 'pg-connection-string';
import { StoreError } from './error.ts';

const LOCAL = new BlockList();
LOCAL.addSubnet('127.0.0.0', 8, 'ipv4');
LOCAL.addAddress('::1', 'ipv6');

/**
 * Requires an explicit `sslmode=verify-full` or `disable` for another machine. pg connects without TLS by default, treats `require` and `prefer` as
 * `verify-full` in this major version but as libpq does in the next, and prefers `host` of the query to the URL's host.
 * @throws StoreError `url_invalid`
 */
export function requireSafeTransport(connectionString: string): void {
  const url = urlOf(connectionString);
  // pg uses the last of repeated parameters.
  const last = (name: string): string | undefined => url.searchParams.getAll(name).at(-1);
  const mode = last('sslmode');
  const host = last('host') || decodeURIComponent(url.hostname);
  if (!isLocal(host) && mode !== 'disable' && mode !== 'verify-full') {
    const fault = mode === undefined ? 'has no sslmode' : `has sslmode=${mode}, whose meaning depends on the driver version`;
    throw new StoreError(
      'url_invalid',
      `DATABASE_URL points to another machine (${host}) and ${fault}: add sslmode=verify-full, with sslrootcert=FILE for your own CA, or sslmode=disable on a trusted network.`,
    );
  }
  requireFiles(connectionString);
}

function urlOf(connectionString: string): URL {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  if (url !== undefined && /^postgres(ql)?:$/.test(url.protocol)) return url;
  throw new StoreError('url_invalid', 'DATABASE_URL: expected postgres://user:password@host:5432/database.');
}

/** Names an unreadable certificate file; repeats nothing else of the string, which contains a password. */
function requireFiles(connectionString: string): void {
  try {
    parse(connectionString);
  } catch (cause) {
    const { code, path } = cause as { code?: string; path?: string };
    const fault = path === undefined ? 'cannot be parsed' : `names ${path}, which cannot be read (${code})`;
    throw new StoreError('url_invalid', `DATABASE_URL ${fault}: correct it.`, { cause });
  }
}

/** True for a Unix socket or a loopback address. */
function isLocal(host: string): boolean {
  if (host === '' || host.startsWith('/') || host === 'localhost') return true;
  const address = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) !== 0 && LOCAL.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
