import type { AlarmCode } from '@recant/api';
import { OPERATOR_TENANT } from '@recant/events';
import type { Appender } from '@recant/ledger';
import type { HealthCheck, Logger } from '@recant/service';
import { type Alarms, createAlarmReporter, type TenantCondition } from '@recant/store';
import { createLoop, type Loop } from './loop.ts';

/** Milliseconds between two rounds: how late an alarm may be. */
const ALARM_MS = 5_000;
/** Milliseconds between two deletions of long-ended alarms. */
const PRUNE_MS = 3_600_000;
/** Milliseconds after the last failed append for which the disk counts as full, unless one succeeds. */
const FULL_MS = 120_000;
const DISK_FULL = '53100';
const CAUSES_MAX = 8;

/** A condition of the service itself, reported to its operator. */
export const ofOperator = (code: AlarmCode, subject: string, detail: string, action: string): TenantCondition => ({
  tenant: OPERATOR_TENANT,
  code,
  subject,
  detail,
  action,
});

export interface AlarmWatchDeps {
  readonly alarms: Alarms;
  readonly logger: Logger;
  /** Conditions that hold now, as this process sees them. */
  readonly conditions: () => readonly TenantCondition[];
  readonly everyMs?: number | undefined;
  /** Rows and files above which one action is an alarm. */
  readonly actionRows?: number | undefined;
}

/** Keeps the alarm store current: conditions of this process, and those that follow from the logs of all tenants. */
export function createAlarmWatch({ alarms, logger, conditions, everyMs = ALARM_MS, actionRows }: AlarmWatchDeps): Loop {
  const reporter = createAlarmReporter(alarms);
  let prunedAt = Number.NEGATIVE_INFINITY;
  const prune = async (): Promise<void> => {
    if (performance.now() - prunedAt < PRUNE_MS) return;
    await alarms.prune();
    prunedAt = performance.now();
  };
  const round = async (stopping: () => boolean): Promise<void> => {
    // Each is tried: a log that cannot be read hides no full disk.
    const tried = await Promise.allSettled([
      reporter.report(conditions()),
      alarms.expire(),
      alarms.watchLogs(stopping, actionRows),
      alarms.watchRecords(),
      prune(),
    ]);
    const failed = tried.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  return createLoop('alarms', everyMs, round, logger);
}

export interface DiskWatch {
  readonly appender: Appender;
  readonly health: HealthCheck;
  conditions(): readonly TenantCondition[];
}

const FULL = 'PostgreSQL has no disk space left; nothing can be recorded.';
const FREE_SPACE =
  "Free or add space on PostgreSQL's volume. Producers keep their events and send them again; the alarm ends with the next event recorded.";

/** Notices a full disk by what appends answer. @param clock milliseconds, monotonic */
export function watchDisk(appender: Appender, clock: () => number): DiskWatch {
  let fullAt: number | undefined;
  const isFull = (): boolean => fullAt !== undefined && clock() - fullAt < FULL_MS;
  return {
    appender: {
      async append(...batch) {
        try {
          const receipts = await appender.append(...batch);
          fullAt = undefined;
          return receipts;
        } catch (error) {
          if (isDiskFull(error)) fullAt = clock();
          throw error;
        }
      },
    },
    health: async () => (isFull() ? { status: 'degraded', detail: `${FULL} ${FREE_SPACE}` } : { status: 'ok' }),
    conditions: () => (isFull() ? [ofOperator('store_full', 'postgres', FULL, FREE_SPACE)] : []),
  };
}

function isDiskFull(error: unknown): boolean {
  let each = error;
  for (let depth = 0; depth < CAUSES_MAX && typeof each === 'object' && each !== null; depth++) {
    const { code, cause } = each as { code?: unknown; cause?: unknown };
    if (code === DISK_FULL) return true;
    each = cause;
  }
  return false;
}
