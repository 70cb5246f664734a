/**
 * The process between the caller and PostgreSQL: owns the folder and the server. When the caller ends for any reason, the kernel closes the IPC
 * channel, and the supervisor stops the server.
 */
import { existsSync, statSync, truncateSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findBinaries } from './binaries.ts';
import { diskError, ensureCluster, lastLine } from './cluster.ts';
import { LocalPostgresError, type LocalPostgresErrorCode } from './error.ts';
import { clearLeftovers, lockFolder } from './folder.ts';
import { chooseIdentity, type Identity } from './identity.ts';
import { type Server, type ServerOptions, spawnServer } from './server.ts';
import { probePort } from './tcp-port.ts';

/** Passed as JSON in the environment variable RECANT_POSTGRES_ORDER, so that the password does not appear in the process list. */
export interface Order {
  dataDir: string;
  /** 0: any free port. */
  port: number;
  ownerPid: number;
  ownerPassword: string;
  durable: boolean;
  temporary: boolean;
  settings: Record<string, string>;
  identity?: Identity['kind'];
}

export type Report = { kind: 'ready'; port: number; pid: number } | { kind: 'failed'; code: LocalPostgresErrorCode; message: string };

/** A server that ends unexpectedly is restarted, at most this often per RESTART_WINDOW_MS. */
const RESTARTS_MAX = 5;
const RESTART_WINDOW_MS = 60_000;
/** Retries, because another process may take a free port before the server listens on it. */
const PORT_TRIES_MAX = 5;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

async function supervise(order: Order, signal: AbortSignal, report: (report: Report) => void): Promise<void> {
  const { dataDir, durable } = order;
  await lockFolder(dataDir, order.ownerPid, signal);
  const binaries = await findBinaries();
  const identity = await chooseIdentity({ program: binaries.postgres, folder: dirname(dataDir) }, order.identity);
  const logFile = `${dataDir}.log`;
  if (existsSync(logFile) && statSync(logFile).size > LOG_BYTES_MAX) truncateSync(logFile);
  signal.throwIfAborted();
  await ensureCluster({ dataDir, ownerPassword: order.ownerPassword, durable, binaries, identity, signal });
  const options = { dataDir, logFile, durable, settings: order.settings, binaries, identity };
  let port = order.port;
  const ends: number[] = [];
  while (!signal.aborted) {
    const server = await startServer(options, port, signal);
    if (!server) return;
    port = server.port;
    report({ kind: 'ready', port, pid: server.pid });
    if (await isStopRequestedFirst(server, signal)) await server.stop();
    else ends.push(performance.now());
    const recent = ends.filter((end) => performance.now() - end < RESTART_WINDOW_MS);
    if (recent.length > RESTARTS_MAX) throw await explainEnd(options);
  }
}

async function startServer(
  options: Omit<ServerOptions, 'port'>,
  wanted: number,
  signal: AbortSignal,
): Promise<(Server & { port: number }) | undefined> {
  for (let tries = 1; ; tries += 1) {
    await clearLeftovers(options.dataDir);
    const port = await probePort(wanted);
    if (port === undefined) throw portInUse(wanted);
    const server = spawnServer({ ...options, port });
    const stop = (): void => void server.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const ready = await server.ready();
    signal.removeEventListener('abort', stop);
    if (signal.aborted) await server.stop();
    if (signal.aborted) return undefined;
    if (ready) return { ...server, port };
    await server.ended;
    const lost = (await probePort(port)) === undefined;
    if (lost && wanted !== 0) throw portInUse(wanted);
    if (!lost || tries >= PORT_TRIES_MAX) throw await explainEnd(options);
  }
}

function portInUse(port: number): LocalPostgresError {
  return new LocalPostgresError(
    'port_in_use',
    `Port ${port} of 127.0.0.1 is in use: stop the process that listens there, or choose another port`,
  );
}

async function explainEnd({ dataDir, logFile }: { dataDir: string; logFile: string }): Promise<LocalPostgresError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  const fatal = log.split('\n').findLast((line) => / (FATAL|PANIC): /.test(line)) ?? lastLine(log);
  const failed = new LocalPostgresError('start_failed', `PostgreSQL did not start: ${fatal.trim()} (see ${logFile})`);
  return (await diskError(dirname(dataDir), failed)) ?? failed;
}

/** True if a stop was requested before the server ended. */
async function isStopRequestedFirst(server: Server, signal: AbortSignal): Promise<boolean> {
  const stopRequested = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stopRequested, server.ended]);
  return signal.aborted;
}

function send(report: Report): void {
  if (process.connected) process.send?.(report);
}

/** Removes only files created by this lib. */
async function removeFolder(dataDir: string): Promise<void> {
  for (const suffix of ['', '.log', '.passwords']) await rm(`${dataDir}${suffix}`, { recursive: true, force: true });
}

const stopping = new AbortController();
process.once('disconnect', () => stopping.abort());
process.on('message', () => stopping.abort());
const order = JSON.parse(process.env.RECANT_POSTGRES_ORDER ?? '{}') as Order;
try {
  await supervise(order, stopping.signal, send);
} catch (error) {
  const code = error instanceof LocalPostgresError ? error.code : 'start_failed';
  const message = error instanceof Error ? error.message : String(error);
  if (!stopping.signal.aborted) send({ kind: 'failed', code, message });
  process.exitCode = 1;
} finally {
  if (order.temporary) await removeFolder(order.dataDir);
  if (process.connected) process.disconnect();
}
