import { setFlagsFromString } from 'node:v8';
import type { Logger } from './log.ts';
import { maskSecrets } from './mask.ts';

/** Milliseconds from the first signal until the process exits, even with work in progress. */
export const SHUTDOWN_MS_MAX = 15_000;

export interface Running {
  /** Stops in order: listeners, then workers, then their stores. */
  stop(deadlineMs: number): Promise<void>;
  /** On SIGHUP: reloads files, such as certificates. */
  reload?(): void;
}

/**
 * Starts, waits for SIGINT or SIGTERM, stops. SIGHUP reloads. A second signal or the deadline exits at once.
 * A startup error is printed to stderr, with exit code 1.
 */
export async function runProcess(start: () => Promise<Running>, logger: Logger, shutdownMs = SHUTDOWN_MS_MAX): Promise<void> {
  // Node 24's Maglev compiler crashes the process at random on busy machines (nodejs/node#64841).
  setFlagsFromString('--no-maglev');
  // Registered before the start: a signal during startup takes effect as soon as there is something to stop.
  const signalled = nextSignal();
  let cut: NodeJS.Timeout | undefined;
  void signalled.then(() => {
    cut = setTimeout(() => process.exit(1), shutdownMs);
    void nextSignal().then(() => process.exit(1));
  });
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    process.stderr.write(`${maskSecrets(error instanceof Error ? error.message : String(error))}\n`);
    logger.debug({ err: error }, 'process: startup failed');
    // A half-started listener or pool would keep the process alive.
    process.exit(1);
  }
  process.on('SIGHUP', () => running.reload?.());
  const signal = await signalled;
  logger.info({ signal }, 'process: stopping');
  try {
    await running.stop(shutdownMs - 1_000);
  } catch (error) {
    logger.error({ err: error }, 'process: shutdown failed');
    process.exitCode = 1;
  }
  clearTimeout(cut);
  process.exit();
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    const onSignal = (signal: NodeJS.Signals) => {
      for (const each of signals) process.off(each, onSignal);
      resolve(signal);
    };
    for (const each of signals) process.on(each, onSignal);
  });
}
