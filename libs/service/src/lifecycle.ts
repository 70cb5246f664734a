import type { Logger } from './log.ts';
import { maskSecrets } from './mask.ts';

/** Milliseconds from the first signal until the process ends, whatever still runs. */
export const SHUTDOWN_MS_MAX = 15_000;

export interface Running {
  /** Stops in order: intake first, then what works, then what it works on. */
  stop(deadlineMs: number): Promise<void>;
  /** On SIGHUP: reads again what may have changed in files. */
  reload?(): void;
}

/**
 * Starts, waits for SIGINT or SIGTERM, stops. SIGHUP reloads. A second signal, or the deadline, ends the process at once.
 * An error at start is one line on stderr and exit code 1.
 */
export async function runProcess(start: () => Promise<Running>, logger: Logger, shutdownMs = SHUTDOWN_MS_MAX): Promise<void> {
  // Heard from the first moment on: one that comes while it starts is heeded as soon as there is something to stop.
  const asked = nextSignal();
  let cut: NodeJS.Timeout | undefined;
  void asked.then(() => {
    cut = setTimeout(() => process.exit(1), shutdownMs);
    void nextSignal().then(() => process.exit(1));
  });
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    process.stderr.write(`${maskSecrets(error instanceof Error ? error.message : String(error))}\n`);
    logger.debug({ err: error }, 'did not start');
    // What was started half-way (a listener, a pool) would keep the process alive.
    process.exit(1);
  }
  process.on('SIGHUP', () => running.reload?.());
  const signal = await asked;
  logger.info({ signal }, 'stopping');
  try {
    await running.stop(shutdownMs - 1_000);
  } catch (error) {
    logger.error({ err: error }, 'did not stop in order');
    process.exitCode = 1;
  }
  clearTimeout(cut);
  process.exit();
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    const heard = (signal: NodeJS.Signals) => {
      for (const each of signals) process.off(each, heard);
      resolve(signal);
    };
    for (const each of signals) process.on(each, heard);
  });
}
