import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTopics, untilAnswering } from './admin.ts';
import { LocalKafkaError } from './error.ts';
import { ensureJars } from './jars.ts';
import { findJava } from './java.ts';
import { type BrokerSecurity, clientSecurity } from './security.ts';
import type { Order, Report, Wish } from './supervisor.ts';

export interface KafkaOptions {
  /** Kept from start to start, its port too where it is free. Without one the broker has a temporary folder, removed with it. */
  dir?: string;
  port?: number;
  /** Made before the broker is handed out. */
  topics?: readonly { name: string; partitions: number }[];
  /** TLS and passwords; left out: neither, on loopback. Users are fixed by the first start on a folder. */
  security?: BrokerSecurity;
  /** Shown to a broker that asks its clients for a certificate. */
  client?: { readonly cert: string; readonly key: string };
  /** Where Java and Maven are looked for (PATH, JAVA_HOME). */
  env?: NodeJS.ProcessEnv;
}

export interface RunningKafka {
  /** For `brokers` of kafkajs, and for KAFKA_BROKERS joined by a comma. */
  brokers: string[];
  port: number;
  pid: number;
  dir: string;
  /** Idempotent: a topic that exists is left as it is. */
  createTopic(name: string, partitions: number): Promise<void>;
  stop(): Promise<void>;
  /** As a power cut of the broker would end it (SIGKILL); a given folder stays as it was left. */
  kill(): Promise<void>;
}

/**
 * Runs one Kafka broker on 127.0.0.1 as long as this process lives, and hands it out when it answers, its group coordinator included.
 * Throws LocalKafkaError.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const env = options.env ?? process.env;
  const java = await findJava(env);
  const jars = await ensureJars(env);
  const temporary = options.dir === undefined;
  const dir = await preparePlace(options.dir);
  const order: Order = { dir, temporary, java, jars, port: options.port ?? 0, security: options.security };
  const supervisor = spawn(process.execPath, [fileURLToPath(new URL('./supervisor.ts', import.meta.url))], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...env, NODE_OPTIONS: '', RECANT_KAFKA_ORDER: JSON.stringify(order) },
  });
  const ended = new Promise<void>((done) => supervisor.once('exit', () => done()));
  const end = async (wish: Wish): Promise<void> => {
    supervisor.ref();
    if (supervisor.connected) supervisor.send(wish, () => {});
    await ended;
  };
  const failure = failureOf(supervisor);
  const { port, pid } = await Promise.race([started(supervisor), failure]);
  const brokers = [`127.0.0.1:${port}`];
  const way = { brokers, ...clientSecurity(options.security, options.client) };
  try {
    await Promise.race([untilAnswering(way), failure]);
    await createTopics(way, options.topics ?? []);
  } catch (error) {
    await end('kill');
    throw error instanceof LocalKafkaError ? error : new LocalKafkaError('start_failed', String(error), { cause: error });
  }
  // What keeps the caller alive is the caller's business: a script that is done ends, and the broker with it.
  supervisor.unref();
  supervisor.channel?.unref();
  return {
    brokers,
    port,
    pid,
    dir,
    createTopic: (name, partitions) => createTopics(way, [{ name, partitions }]),
    stop: () => end('stop'),
    kill: () => end('kill'),
  };
}

async function preparePlace(dir: string | undefined): Promise<string> {
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
    supervisor.once('error', (error) => failed(`Cannot start Kafka's supervisor: ${error.message}`));
    supervisor.once('exit', (code, signal) => failed(`Kafka's supervisor ended (${code ?? signal})`));
  });
  // After the start nobody listens any more.
  failure.catch(() => {});
  return failure;
}
