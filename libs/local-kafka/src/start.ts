import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTopics, untilReady } from './admin.ts';
import { LocalKafkaError } from './error.ts';
import { ensureJars } from './jars.ts';
import { findJava } from './java.ts';
import { type BrokerSecurity, clientSecurity } from './security.ts';
import type { Message, Order, Report, StopMode } from './supervisor.ts';

export interface KafkaOptions {
  /** Data folder; keeps data and, if free, the port between starts. Default: a temporary folder, removed at the end. */
  dir?: string;
  port?: number;
  /** Created before `startKafka` resolves. */
  topics?: readonly { name: string; partitions: number }[];
  /** TLS and passwords; default: neither. Users are fixed by the first start on a folder. */
  security?: BrokerSecurity;
  /** Client certificate, for a broker that requires one. */
  client?: { readonly cert: string; readonly key: string };
  /** Environment for finding Java and Maven (PATH, JAVA_HOME). */
  env?: NodeJS.ProcessEnv;
  /** The broker ended on its own, and could not be started again. */
  onDown?: (error: Error) => void;
}

export interface RunningKafka {
  /** `brokers` of kafkajs; joined by commas, KAFKA_BROKERS. */
  brokers: string[];
  port: number;
  /** Of the broker's process, which is another one after a restart. */
  readonly pid: number;
  dir: string;
  /** Idempotent: an existing topic is not changed. */
  createTopic(name: string, partitions: number): Promise<void>;
  stop(): Promise<void>;
  /** Ends the broker with SIGKILL; a given folder remains as it is. */
  kill(): Promise<void>;
}

/**
 * Runs one Kafka broker on 127.0.0.1 for the lifetime of this process. Resolves when the broker and its group coordinator are ready.
 * Throws LocalKafkaError.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const env = options.env ?? process.env;
  const java = await findJava(env);
  const jars = await ensureJars(env);
  const temporary = options.dir === undefined;
  const dir = await prepareFolder(options.dir);
  const order: Order = { dir, temporary, java, jars, port: options.port ?? 0, security: options.security };
  const supervisor = spawn(process.execPath, [fileURLToPath(new URL('./supervisor.ts', import.meta.url))], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...env, NODE_OPTIONS: '', RECANT_KAFKA_ORDER: JSON.stringify(order) },
  });
  const ended = new Promise<void>((done) => supervisor.once('exit', () => done()));
  let stopping = false;
  const end = async (mode: StopMode): Promise<void> => {
    stopping = true;
    supervisor.ref();
    if (supervisor.connected) supervisor.send(mode, () => {});
    await ended;
  };
  const failure = failureOf(supervisor);
  const first = await Promise.race([started(supervisor), failure]);
  const { port } = first;
  let { pid } = first;
  supervisor.on('message', (report: Report) => {
    if (report.kind === 'started') pid = report.pid;
  });
  const brokers = [`127.0.0.1:${port}`];
  const address = { brokers, ...clientSecurity(options.security, options.client) };
  try {
    await Promise.race([untilReady(address), failure]);
    await createTopics(address, options.topics ?? []);
  } catch (error) {
    await end('kill');
    throw error instanceof LocalKafkaError ? error : new LocalKafkaError('start_failed', String(error), { cause: error });
  }
  if (supervisor.connected) supervisor.send('ready' satisfies Message, () => {});
  failure.catch((error: Error) => {
    if (!stopping) options.onDown?.(error);
  });
  // The broker must not keep the caller's process alive.
  supervisor.unref();
  supervisor.channel?.unref();
  return {
    brokers,
    port,
    get pid() {
      return pid;
    },
    dir,
    createTopic: (name, partitions) => createTopics(address, [{ name, partitions }]),
    stop: () => end('stop'),
    kill: () => end('kill'),
  };
}

async function prepareFolder(dir: string | undefined): Promise<string> {
  if (dir === undefined) return realpath(await mkdtemp(join(tmpdir(), 'recant-kafka-')));
  await mkdir(resolve(dir), { recursive: true });
  return realpath(resolve(dir));
}

function started(supervisor: ChildProcess): Promise<Extract<Report, { kind: 'started' }>> {
  return new Promise((done) => {
    supervisor.on('message', (report: Report) => {
      if (report.kind === 'started') done(report);
    });
  });
}

function failureOf(supervisor: ChildProcess): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    const failed = (message: string): void => reject(new LocalKafkaError('start_failed', message));
    supervisor.on('message', (report: Report) => {
      if (report.kind === 'failed') reject(new LocalKafkaError(report.code, report.message));
    });
    supervisor.once('error', (error) => failed(`Cannot start the Kafka supervisor: ${error.message}`));
    supervisor.once('exit', (code, signal) => failed(`The Kafka supervisor ended (${code ?? signal})`));
  });
  // After the start nothing awaits this promise.
  failure.catch(() => {});
  return failure;
}
