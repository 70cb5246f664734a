import { BlockList, isIP, isIPv6 } from 'node:net';
import { parse } from 'pg-connection-string';
import { StoreError } from './error.ts';

const LOCAL = new BlockList();
LOCAL.addSubnet('127.0.0.0', 8, 'ipv4');
LOCAL.addAddress('::1', 'ipv6');

/**
 * pg speaks in the clear unless its connection string says otherwise, reads `require` and `prefer` as `verify-full` today and as libpq does tomorrow,
 * and takes `host` of the query over the one of the address. So TLS to another machine is said in the one way that always means the same.
 * @throws StoreError `url_invalid`
 */
export function requireSafeTransport(connectionString: string): void {
  const url = urlOf(connectionString);
  // Of what is said twice pg heeds the last.
  const last = (name: string): string | undefined => url.searchParams.getAll(name).at(-1);
  const mode = last('sslmode');
  const host = last('host') || decodeURIComponent(url.hostname);
  if (!isLocal(host) && mode !== 'disable' && mode !== 'verify-full') {
    const said = mode === undefined ? 'says nothing of TLS' : `says sslmode=${mode}, which does not mean the same everywhere`;
    throw new StoreError(
      'url_invalid',
      `DATABASE_URL names another machine (${host}) and ${said}: add sslmode=verify-full, with sslrootcert=FILE for an authority of your own, or sslmode=disable where nobody else is on the network.`,
    );
  }
  requireFiles(connectionString);
}

function urlOf(connectionString: string): URL {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  if (url !== undefined && /^postgres(ql)?:$/.test(url.protocol)) return url;
  throw new StoreError('url_invalid', 'DATABASE_URL is not a PostgreSQL URL: give it as postgres://user:password@host:5432/database.');
}

/** A file that cannot be read is told with its name; nothing else of the string is repeated. */
function requireFiles(connectionString: string): void {
  try {
    parse(connectionString);
  } catch (cause) {
    const { code, path } = cause as { code?: string; path?: string };
    const what = path === undefined ? 'cannot be read as an address' : `names ${path}, which cannot be read (${code})`;
    throw new StoreError('url_invalid', `DATABASE_URL ${what}: correct it.`, { cause });
  }
}

/** A socket of this machine, or its loopback. */
function isLocal(host: string): boolean {
  if (host === '' || host.startsWith('/') || host === 'localhost') return true;
  const address = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) !== 0 && LOCAL.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
