import type { Logger } from '@recant/service';

/** Something that is done again and again, never twice at once. */
export interface Loop {
  start(): void;
  /** Resolves when what runs has ended. */
  stop(): Promise<void>;
  /** Why the last round failed; undefined where it did not. */
  readonly failure: string | undefined;
}

/** @param everyMs from the end of one round to the start of the next. A failure is logged when it is another than the last one. */
export function createLoop(name: string, everyMs: number, round: () => Promise<void>, logger: Logger): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = true;
  let failure: string | undefined;

  async function once(): Promise<void> {
    try {
      await round();
      failure = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== failure && !stopped) logger.warn({ loop: name, err: error }, 'publishing waits; it is tried again');
      failure = reason;
    }
    if (!stopped) schedule();
  }

  function schedule(): void {
    timer = setTimeout(() => {
      running = once();
    }, everyMs);
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
