import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Sockets of one process; more wait in the backlog of the system. */
const CONNECTIONS_MAX = 2_048;
/** A request has to be complete within this, its headers within the next. */
const REQUEST_MS_MAX = 60_000;
const HEADERS_MS_MAX = 10_000;

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Takes no more, lets what runs finish, and cuts it off at the deadline. */
  close(deadlineMs: number): Promise<void>;
}

/** One line that says what is wrong with an address, and what to do. */
export class ListenError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'ListenError';
    this.code = code;
  }
}

/** Port 0 lets the system choose. @throws ListenError */
export async function listen(app: RequestListener, { host, port }: { host: string; port: number }): Promise<Listening> {
  const server = createServer({ requestTimeout: REQUEST_MS_MAX, headersTimeout: HEADERS_MS_MAX, keepAliveTimeout: 10_000 }, app);
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close(deadlineMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed.finally(() => clearTimeout(timer));
    },
  };
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const code = error.code ?? 'UNKNOWN';
  if (code === 'EADDRINUSE')
    return new ListenError(
      code,
      `port ${port} on ${host} is in use: stop what listens there, or set RECANT_PORT to another port (0 for any free one)`,
      error,
    );
  if (code === 'EACCES')
    return new ListenError(code, `port ${port} on ${host} is not allowed to this user: set RECANT_PORT to a port above 1023`, error);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new ListenError(code, `this machine has no address ${host}: set RECANT_HOST to one that it has, such as 127.0.0.1`, error);
  return new ListenError(code, `cannot listen on ${host}:${port}: ${error.message}`, error);
}
