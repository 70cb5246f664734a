/**
 * The process between the caller and the broker: owns the folder and the broker. When the caller ends for any reason, the kernel closes the IPC
 * channel; the supervisor then kills the broker and removes a temporary folder. A broker that ends on its own once it was ready is started again.
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type BrokerPlace, explainFailure, prepareBroker, spawnBroker } from './broker.ts';
import { LocalKafkaError, type LocalKafkaErrorCode } from './error.ts';
import type { BrokerSecurity } from './security.ts';
import { freePorts, isFree } from './tcp-ports.ts';

/** Passed as JSON in the environment variable RECANT_KAFKA_ORDER, so that passwords do not appear in the process list. */
export interface Order {
  dir: string;
  temporary: boolean;
  java: string;
  jars: string;
  /** 0: the port of the last start on this folder if it is free, else any. */
  port: number;
  security?: BrokerSecurity | undefined;
}

export type Report = { kind: 'started'; port: number; pid: number } | { kind: 'failed'; code: LocalKafkaErrorCode; message: string };
export type StopMode = 'stop' | 'kill';
/** `ready`: the caller has reached the broker. */
export type Message = StopMode | 'ready';

/** A broker usually stops in 2.5 s; killed after this. */
const STOP_MS = 20_000;
/** Restarts of a broker that ends on its own, and the time in which they count. */
const RESTARTS_MAX = 5;
const RESTARTS_MS = 600_000;
/** Time for the previous supervisor to release the folder. */
const HANDOVER_MS = 10_000;

async function supervise(order: Order, mode: Promise<StopMode>, signal: AbortSignal): Promise<void> {
  await lockFolder(order.dir);
  const { brokerPort, controllerPort } = await choosePorts(order);
  const place: BrokerPlace = { ...order, brokerPort, controllerPort };
  await prepareBroker(place, signal);
  const restarts: number[] = [];
  while (!signal.aborted) {
    const fault = await run(place, mode);
    if (fault === undefined) return;
    const now = performance.now();
    while (restarts[0] !== undefined && now - restarts[0] > RESTARTS_MS) restarts.shift();
    if (!wasReady || restarts.push(now) > RESTARTS_MAX) throw fault;
  }
}

/** @returns why the broker ended on its own; undefined if it was stopped */
async function run(place: BrokerPlace, mode: Promise<StopMode>): Promise<LocalKafkaError | undefined> {
  const { dir, brokerPort } = place;
  const broker = spawnBroker(place);
  const ended = new Promise<'ended'>((resolve) => {
    broker.once('error', () => resolve('ended'));
    broker.once('exit', () => resolve('ended'));
  });
  send({ kind: 'started', port: brokerPort, pid: broker.pid ?? -1 });
  const reason = await Promise.race([mode, ended]);
  if (reason === 'ended') {
    const isTaken = !(await isFree(brokerPort));
    return isTaken
      ? portInUse(brokerPort)
      : await explainFailure(dir, `Kafka ended unexpectedly (${broker.exitCode ?? broker.signalCode})`);
  }
  await endBroker(broker, reason, ended);
  return undefined;
}

async function endBroker(broker: ChildProcess, reason: StopMode, ended: Promise<unknown>): Promise<void> {
  broker.kill(reason === 'kill' ? 'SIGKILL' : 'SIGTERM');
  const last = setTimeout(() => broker.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(last);
}

/** The lock is a listening abstract socket (Linux), released by the kernel with this process. Elsewhere only Kafka's own lock file protects the folder. */
async function lockFolder(dir: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const address = `\0recant-kafka-${createHash('sha256').update(dir).digest('hex').slice(0, 32)}`;
  const deadline = performance.now() + HANDOVER_MS;
  while (!(await listenOn(address))) {
    if (performance.now() > deadline) {
      throw new LocalKafkaError('folder_in_use', `${dir} is in use by another broker: stop it, or choose another folder`);
    }
    await delay(50);
  }
}

function listenOn(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(address, () => {
      server.unref();
      resolve(true);
    });
  });
}

/** Reuses the port of the last start if it is free, because clients know the broker by its port. */
async function choosePorts({ dir, port }: Order): Promise<{ brokerPort: number; controllerPort: number }> {
  if (port !== 0 && !(await isFree(port))) throw portInUse(port);
  const file = join(dir, 'port');
  const last = Number(await readFile(file, 'utf8').catch(() => '0'));
  const [fresh = 0, controllerPort = 0] = await freePorts(2);
  const brokerPort = port || (last !== 0 && (await isFree(last)) ? last : fresh);
  await writeFile(file, String(brokerPort));
  return { brokerPort, controllerPort };
}

function portInUse(port: number): LocalKafkaError {
  return new LocalKafkaError(
    'port_in_use',
    `Port ${port} of 127.0.0.1 is in use: stop the process that listens there, or choose another port`,
  );
}

function send(report: Report): void {
  if (process.connected) process.send?.(report);
}

const order = JSON.parse(process.env.RECANT_KAFKA_ORDER ?? '{}') as Order;
const stopping = new AbortController();
let wasReady = false;
const mode = new Promise<StopMode>((resolve) => {
  process.once('disconnect', () => resolve('kill'));
  process.on('message', (message: Message) => {
    if (message === 'ready') wasReady = true;
    else resolve(message);
  });
});
void mode.then(() => stopping.abort());
try {
  await supervise(order, mode, stopping.signal);
} catch (error) {
  const code = error instanceof LocalKafkaError ? error.code : 'start_failed';
  if (!stopping.signal.aborted) send({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
} finally {
  if (order.temporary) await rm(order.dir, { recursive: true, force: true });
  if (process.connected) process.disconnect();
}
