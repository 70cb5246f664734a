import { unwatchFile, watchFile } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ListenAddress, requireSafeAddress } from './address.ts';
import { ConfigError } from './config.ts';
import { limitConnections } from './connections.ts';
import { ListenError, listenError } from './listen-error.ts';
import type { Logger } from './log.ts';
import { answerParserErrors } from './parser-errors.ts';
import { markStopping } from './stopping.ts';
import { readServerCertificate, type TlsFiles } from './tls.ts';
import { limitUnanswered } from './unanswered.ts';

/** Milliseconds between two checks of the certificate files. */
const RELOAD_MS = 2_000;

/** Slower clients are disconnected. */
export interface Timeouts {
  /** To receive a whole request, and its headers. */
  readonly requestMs: number;
  readonly headersMs: number;
  /** Between two checks for slow clients. */
  readonly checkMs: number;
}
const TIMEOUTS: Timeouts = { requestMs: 60_000, headersMs: 10_000, checkMs: 5_000 };

export interface ListenOptions extends ListenAddress {
  readonly timeouts?: Timeouts;
  /** For certificate reloads. */
  readonly logger?: Logger;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Reloads the certificate files; keeps the old certificate if the new one is invalid. Also runs when a file changes. */
  reload(): void;
  /** Stops accepting, ends event streams, waits for running requests, closes the rest at the deadline. */
  close(deadlineMs: number): Promise<void>;
}

/** Port 0: any free port. @throws ListenError, also for a non-loopback address without TLS */
export async function listen(app: RequestListener, options: ListenOptions): Promise<Listening> {
  const { host, port, tls } = options;
  await checkListen(options);
  const server = serverOf(limitUnanswered(app), options);
  answerParserErrors(server);
  limitConnections(server);
  const stopping = new AbortController();
  markStopping(server, stopping.signal);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const reload = tls === undefined ? () => {} : () => reloadCertificate(server as TlsServer, tls, options.logger);
  const unwatch = watch(tls, reload);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    reload,
    async close(deadlineMs) {
      unwatch();
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed.finally(() => clearTimeout(timer));
    },
  };
}

/** Checks everything but whether the port is free, so that a wrong setting fails before anything else starts. @throws ListenError */
export async function checkListen(address: ListenAddress): Promise<void> {
  await requireSafeAddress(address);
  if (address.tls !== undefined) certificateOf(address.tls);
}

function serverOf(app: RequestListener, { tls, timeouts = TIMEOUTS }: ListenOptions): Server {
  const options = {
    requestTimeout: timeouts.requestMs,
    headersTimeout: timeouts.headersMs,
    connectionsCheckingInterval: timeouts.checkMs,
    keepAliveTimeout: 10_000,
    // Answered with a problem document by the app.
    requireHostHeader: false,
  };
  if (tls === undefined) return createServer(options, app);
  const clients = tls.clientCaFile === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  return createTlsServer({ ...options, ...clients, ...certificateOf(tls), handshakeTimeout: timeouts.headersMs }, app);
}

function certificateOf(tls: TlsFiles) {
  try {
    return readServerCertificate(tls, Date.now());
  } catch (error) {
    throw error instanceof ConfigError ? new ListenError('TLS_INVALID', error.message, error) : error;
  }
}

/** Open connections keep their certificate. */
function reloadCertificate(server: TlsServer, tls: TlsFiles, logger: Logger | undefined): void {
  try {
    server.setSecureContext(certificateOf(tls));
    logger?.info({ certFile: tls.certFile }, 'tls: certificate reloaded');
  } catch (err) {
    logger?.error({ err }, 'tls: new certificate is invalid; keeping the old one');
  }
}

/** By modification time, following symbolic links, which is how secrets are mounted. */
function watch(tls: TlsFiles | undefined, reload: () => void): () => void {
  const files = tls === undefined ? [] : [tls.certFile, tls.keyFile, ...(tls.clientCaFile === undefined ? [] : [tls.clientCaFile])];
  for (const file of files) watchFile(file, { interval: RELOAD_MS, persistent: false }, reload);
  return () => {
    for (const file of files) unwatchFile(file, reload);
  };
}
