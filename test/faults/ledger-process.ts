import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface LedgerProcess extends AsyncDisposable {
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Orderly (SIGTERM). */
  stop(): Promise<void>;
}

export interface LedgerProcessOptions {
  readonly databaseUrl: string;
  readonly masterKeyFile: string;
  readonly kafka?: {
    readonly brokers: readonly string[];
    readonly topic: string;
    /** A fresh one for each process: the broker waits half a minute for a member that was killed. Where to resume is the store's to say anyway. */
    readonly groupId: string;
  };
  /** Files and folders of what it signs with and anchors in. */
  readonly evidence?: { readonly signingKeyFile: string; readonly anchorDir: string };
  readonly shards: number;
  readonly failpoint?: string;
}

/** The ledger service as a process of its own. */
export function startLedgerProcess(options: LedgerProcessOptions): LedgerProcess {
  const { kafka, evidence } = options;
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, '../../services/ledger/src/main.ts')], {
    env: {
      ...process.env,
      NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
      DATABASE_URL: options.databaseUrl,
      ...(kafka && { KAFKA_BROKERS: kafka.brokers.join(','), RECANT_KAFKA_TOPIC: kafka.topic, RECANT_KAFKA_GROUP: kafka.groupId }),
      ...(evidence && { RECANT_SIGNING_KEY_FILE: evidence.signingKeyFile, RECANT_ANCHOR_DIR: evidence.anchorDir }),
      RECANT_MASTER_KEY_FILE: options.masterKeyFile,
      RECANT_SHARDS: String(options.shards),
      RECANT_PORT: '0',
      RECANT_LOG_LEVEL: 'error',
      ...(options.failpoint === undefined ? {} : { RECANT_FAILPOINT: options.failpoint }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return { exited, stop: () => end('SIGTERM'), [Symbol.asyncDispose]: () => end('SIGKILL') };
}
