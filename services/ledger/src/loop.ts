import type { Logger } from '@recant/service';

/** Runs a round periodically; rounds never overlap. */
export interface Loop {
  start(): void;
  /** Starts the next round `SOON_MS` after this, or after the running one. A loop that fails keeps its pause. */
  wake(): void;
  /** Resolves when the running round has ended. */
  stop(): Promise<void>;
  /** Error of the last round; undefined after a success. */
  readonly failure: string | undefined;
  /** Milliseconds since a round last succeeded, or since the start; a round that hangs counts. 0 while the loop is not started. */
  silentMs(): number;
}

/** After failures the interval grows 2, 4, 8 and at most BACKOFF_TIMES_MAX times, up to BACKOFF_MS_MAX (or the interval itself, if longer). */
const BACKOFF_TIMES_MAX = 12;
const BACKOFF_MS_MAX = 60_000;
/** Milliseconds from a wake-up to its round: others may follow. */
const SOON_MS = 20;

/**
 * @param everyMs from the end of one round to the start of the next. A failure is logged unless it repeats the previous one.
 * @param round should return early once `stopping()` is true
 */
export function createLoop(name: string, everyMs: number, round: (stopping: () => boolean) => Promise<void>, logger: Logger): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = true;
  let failure: string | undefined;
  let failures = 0;
  let succeededAt: number | undefined;
  let isRunning = false;
  let isWoken = false;

  async function once(): Promise<void> {
    isRunning = true;
    isWoken = false;
    try {
      await round(() => stopped);
      failure = undefined;
      failures = 0;
      succeededAt = performance.now();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== failure && !stopped) logger.warn({ loop: name, err: error }, `${name}: round failed; will retry`);
      failure = reason;
      failures++;
    }
    isRunning = false;
    if (!stopped) schedule(isWoken && failures === 0 ? SOON_MS : pauseMs());
  }

  const pauseMs = (): number => Math.min(everyMs * Math.min(2 ** failures, BACKOFF_TIMES_MAX), Math.max(everyMs, BACKOFF_MS_MAX));

  function schedule(delayMs: number): void {
    timer = setTimeout(() => {
      running = once();
    }, delayMs);
  }

  return {
    start() {
      if (!stopped) return;
      stopped = false;
      succeededAt = performance.now();
      running = once();
    },
    wake() {
      if (stopped || isWoken || failures > 0) return;
      isWoken = true;
      if (isRunning) return;
      clearTimeout(timer);
      schedule(Math.min(SOON_MS, everyMs));
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
    get failure() {
      return failure;
    },
    silentMs: () => (succeededAt === undefined ? 0 : performance.now() - succeededAt),
  };
}
