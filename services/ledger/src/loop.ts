import type { Logger } from '@recant/service';

/** Something that is done again and again, never twice at once. */
export interface Loop {
  start(): void;
  /** Resolves when what runs has ended. */
  stop(): Promise<void>;
  /** Why the last round failed; undefined where it did not. */
  readonly failure: string | undefined;
}

/** After failures in a row a round comes 2, 4, 8 and at last this many times as late, but within a minute where it otherwise would. */
const BACKOFF_TIMES_MAX = 12;
const BACKOFF_MS_MAX = 60_000;

/**
 * @param everyMs from the end of one round to the start of the next. A failure is logged when it is another than the last one.
 * @param round is told to break off where `stopping` says so
 */
export function createLoop(name: string, everyMs: number, round: (stopping: () => boolean) => Promise<void>, logger: Logger): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = true;
  let failure: string | undefined;
  let failures = 0;

  async function once(): Promise<void> {
    try {
      await round(() => stopped);
      failure = undefined;
      failures = 0;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== failure && !stopped) logger.warn({ loop: name, err: error }, 'publishing waits; it is tried again');
      failure = reason;
      failures++;
    }
    if (!stopped) schedule();
  }

  function schedule(): void {
    const lateMs = Math.min(everyMs * Math.min(2 ** failures, BACKOFF_TIMES_MAX), Math.max(everyMs, BACKOFF_MS_MAX));
    timer = setTimeout(() => {
      running = once();
    }, lateMs);
  }

  return {
    start() {
      if (!stopped) return;
      stopped = false;
      running = once();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
    get failure() {
      return failure;
    },
  };
}
