import type { Logger } from '@recant/service';
import { type Alarms, createAlarmReporter, type TenantCondition } from '@recant/store';

/** Milliseconds between two rounds. */
const ALARM_MS = 5_000;

export interface AlarmWatch {
  start(): void;
  /** Resolves when the running round has ended. */
  stop(): Promise<void>;
}

/** Keeps the alarms about registered systems equal to what this process sees of them. */
export function createAlarmWatch(
  alarms: Alarms,
  logger: Logger,
  conditions: () => readonly TenantCondition[],
  everyMs: number = ALARM_MS,
): AlarmWatch {
  const reporter = createAlarmReporter(alarms);
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const round = (): void => {
    running = reporter
      .report(conditions())
      .catch((err: unknown) => logger.warn({ err }, 'alarms: round failed; retrying'))
      .then(() => {
        if (timer !== undefined) timer = setTimeout(round, everyMs).unref();
      });
  };
  return {
    start() {
      timer = setTimeout(round, everyMs).unref();
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}
