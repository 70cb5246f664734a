import { probePort } from '../../../libs/local-postgres/src/tcp-port.ts';
import { type LedgerProcess, type LedgerProcessOptions, startLedgerProcess } from '../ledger-process.ts';
import { TIED, urlOf } from './postgres.ts';
import { announcing, StrikingProxy } from './proxy.ts';

export const SHARDS = 4;
/** Lines of a replica's log that are kept for the report of a failure. */
const LINES_MAX = 60;
const STARTS_MAX = 5;

/** One ledger service process with the proxies before its PostgreSQL and its Kafka. */
export interface Replica extends AsyncDisposable {
  readonly url: string;
  readonly postgres: StrikingProxy;
  readonly kafka: StrikingProxy;
  readonly lines: readonly string[];
  log(line: string): void;
  /** The present one: one that gave up by itself is started again, as whoever runs services does. */
  readonly process: LedgerProcess;
  /** Kills what still runs. */
  start(): Promise<void>;
}

export interface ReplicaOptions {
  readonly ports: { postgres(): number; readonly kafka: number };
  readonly masterKeyFile: string;
  readonly evidence: NonNullable<LedgerProcessOptions['evidence']>;
  readonly topic: string;
  /** Called with each line of the log. */
  keep(line: string): void;
}

export async function openReplica({ ports, masterKeyFile, evidence, topic, keep }: ReplicaOptions): Promise<Replica> {
  const postgres = new StrikingProxy(() => ports.postgres());
  const kafka = new StrikingProxy(() => ports.kafka, announcing(ports.kafka));
  const [postgresPort, brokerPort] = [await postgres.listen(), await kafka.listen()];
  const port = (await probePort()) as number;
  const lines: string[] = [];
  const log = (line: string): void => {
    if (lines.push(line) > LINES_MAX) lines.shift();
    keep(line);
  };
  let isOver = false;
  const run = (): LedgerProcess => {
    const started = startLedgerProcess({
      databaseUrl: urlOf('recant', postgresPort),
      masterKeyFile,
      evidence,
      kafka: { brokers: [`127.0.0.1:${brokerPort}`], topic, groupId: topic },
      shards: SHARDS,
      prefix: TIED,
      port,
      onLine: log,
    });
    void started.exited.then(({ code }) => {
      if (code !== null && code !== 0 && process === started && !isOver) process = run();
    });
    return started;
  };
  let process = run();
  return {
    url: `http://127.0.0.1:${port}`,
    postgres,
    kafka,
    lines,
    log,
    get process() {
      return process;
    },
    async start() {
      await process.kill();
      process = run();
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await process.kill();
      await Promise.all([postgres.close(), kafka.close()]);
    },
  };
}

/** What the process said last is in the error. */
export async function untilListening(replica: Replica): Promise<void> {
  for (let starts = 1; ; starts += 1) {
    const tried = replica.process;
    const error = await tried.url.then(
      () => undefined,
      (cause: Error) => new Error(`${cause.message}: ${replica.lines.slice(-3).join(' ')}`, { cause }),
    );
    if (error === undefined) return;
    await tried.exited;
    if (replica.process === tried || starts === STARTS_MAX) throw error;
  }
}
