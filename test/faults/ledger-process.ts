import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface LedgerProcess extends AsyncDisposable {
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Its URL, once it accepts events. */
  readonly url: Promise<string>;
  readonly pid: number;
  /** Orderly (SIGTERM). */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface LedgerProcessOptions {
  readonly databaseUrl: string;
  readonly masterKeyFile: string;
  readonly kafka?: {
    readonly brokers: readonly string[];
    readonly topic: string;
    /** New for each process, because the broker waits half a minute for a killed member. The position to resume from is in the store. */
    readonly groupId: string;
  };
  /** File of the signing key and folder of the anchor. */
  readonly evidence?: { readonly signingKeyFile: string; readonly anchorDir: string };
  readonly shards: number;
  readonly failpoint?: string;
  /** Command that runs the program in its own process. */
  readonly prefix?: readonly string[];
  /** Default: any free one. */
  readonly port?: number;
  /** Called with each line of the log. Default: errors are printed. */
  readonly onLine?: (line: string) => void;
}

/** Node's compiled modules: a start from them takes half of the CPU time. */
const COMPILED = join(tmpdir(), 'recant-compiled');

/** The ledger service as a separate process. */
export function startLedgerProcess(options: LedgerProcessOptions): LedgerProcess {
  const { kafka, evidence } = options;
  const program = join(import.meta.dirname, '../../services/ledger/src/main.ts');
  const [file = '', ...args] = [...(options.prefix ?? []), process.execPath, program];
  const child: ChildProcess = spawn(file, args, {
    env: {
      ...process.env,
      NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
      NODE_COMPILE_CACHE: COMPILED,
      DATABASE_URL: options.databaseUrl,
      ...(kafka && { KAFKA_BROKERS: kafka.brokers.join(','), RECANT_KAFKA_TOPIC: kafka.topic, RECANT_KAFKA_GROUP: kafka.groupId }),
      ...(evidence && { RECANT_SIGNING_KEY_FILE: evidence.signingKeyFile, RECANT_ANCHOR_DIR: evidence.anchorDir }),
      RECANT_MASTER_KEY_FILE: options.masterKeyFile,
      RECANT_SHARDS: String(options.shards),
      RECANT_PORT: String(options.port ?? 0),
      RECANT_LOG_LEVEL: 'info',
      ...(options.failpoint === undefined ? {} : { RECANT_FAILPOINT: options.failpoint }),
    },
    stdio: ['ignore', 'pipe', options.onLine === undefined ? 'inherit' : 'pipe'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  const { onLine } = options;
  if (child.stderr !== null && onLine !== undefined) createInterface({ input: child.stderr }).on('line', onLine);
  const url = readLog(child.stdout as Readable, onLine ?? printErrors);
  url.catch(() => {});
  const kill = () => end('SIGKILL');
  return { exited, url, pid: child.pid ?? -1, stop: () => end('SIGTERM'), kill, [Symbol.asyncDispose]: kill };
}

function printErrors(line: string): void {
  const { level = 60 } = line.startsWith('{') ? (JSON.parse(line) as { level?: number }) : {};
  if (level >= 50) process.stderr.write(`${line}\n`);
}

/** @returns the URL that the ledger logs */
async function readLog(stdout: Readable, onLine: (line: string) => void): Promise<string> {
  const found = Promise.withResolvers<string>();
  const lines = createInterface({ input: stdout });
  lines.on('line', (line) => {
    onLine(line);
    const { url } = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {};
    if (url !== undefined) found.resolve(url);
  });
  lines.on('close', () => found.reject(new Error('the ledger exited before it accepted events')));
  return found.promise;
}
