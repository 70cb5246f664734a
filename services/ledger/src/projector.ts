import type { Appender } from '@recant/ledger';
import type { HealthCheck, Logger } from '@recant/service';
import type { EntryFault, LogLag, Projection, TenantCondition } from '@recant/store';
import { ofOperator } from './alarm-watch.ts';
import { createLoop } from './loop.ts';

/** Milliseconds between two looks at what other processes appended. */
const EVERY_MS = 250;
/** Age of an entry, in milliseconds, above which its missing rows are an alarm. */
const BEHIND_MS = 60_000;
/** Logs that are named in alarms; with more, the cause is not theirs. */
const LOGS_SHOWN_MAX = 100;

export interface ProjectorDeps {
  readonly projection: Pick<Projection, 'catchUp' | 'behind' | 'stopped'>;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Milliseconds between two rounds. 0: none, and questions fold what they need. */
  readonly everyMs?: number | undefined;
}

export interface Projector {
  /** The same appender; what it records is folded at once. */
  waking(appender: Appender): Appender;
  readonly health: HealthCheck;
  /** For the operator, and for the tenant of a log. */
  conditions(): readonly TenantCondition[];
  start(): void;
  /** Resolves when the running transactions have ended. */
  stop(): Promise<void>;
}

/** Keeps the read models complete, so that questions need not wait. Any number of processes may have one; each log is folded by one at a time. */
export function createProjector({ projection, logger, clock, everyMs = EVERY_MS }: ProjectorDeps): Projector {
  const loop = createLoop('projection', Math.max(1, everyMs), (stopping) => projection.catchUp(stopping), logger);
  const conditions = (): readonly TenantCondition[] => {
    const stopped = projection.stopped();
    const names = new Set(stopped.map(({ log }) => nameOf(log)));
    const isOld = (lag: LogLag): boolean => lag.oldestMs !== undefined && clock() - lag.oldestMs > BEHIND_MS && !names.has(nameOf(lag));
    const behind = projection.behind().filter(isOld);
    return [
      ...stopped.slice(0, LOGS_SHOWN_MAX).flatMap(stoppedOf),
      ...behind.slice(0, LOGS_SHOWN_MAX).flatMap(behindOf),
      ...(loop.silentMs() > BEHIND_MS ? [silentOf()] : []),
    ];
  };
  return {
    waking: (appender) => ({
      async append(...batch) {
        const receipts = await appender.append(...batch);
        loop.wake();
        return receipts;
      },
    }),
    health: async () => {
      const found = [...new Set(conditions().map(({ detail, action }) => `${detail} ${action}`))];
      return found.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: found.join(' ') };
    },
    conditions,
    start() {
      if (everyMs > 0) loop.start();
    },
    stop: () => loop.stop(),
  };
}

const nameOf = ({ tenant, shard }: { readonly tenant: string; readonly shard: number }): string => `${tenant}/${shard}`;

const NOTHING_LOST = 'Recording goes on, and nothing recorded is lost.';

function stoppedOf({ log, message }: EntryFault): TenantCondition[] {
  const condition = ofOperator(
    'projection_stopped',
    nameOf(log),
    `${message}: lists and plans of tenant ${log.tenant} are refused.`,
    `${NOTHING_LOST} Verify the log: \`recant verify --tenant ${log.tenant}\`. If it names this entry, restore the database; otherwise it is a defect of this version: report it, and update Recant. The entry is tried again every few seconds.`,
  );
  return forBoth(condition, log.tenant);
}

function behindOf({ tenant, shard }: LogLag): TenantCondition[] {
  const condition = ofOperator(
    'projection_behind',
    `${tenant}/${shard}`,
    `Lists and plans lack entries of log ${tenant}/${shard} that are older than ${BEHIND_MS / 1_000} s: questions about this tenant wait for them, or are refused.`,
    `${NOTHING_LOST} After a large backlog it ends by itself. If recant_unprojected_entries does not fall, look for locks and long transactions in pg_stat_activity, and for slow disks.`,
  );
  return forBoth(condition, tenant);
}

const silentOf = (): TenantCondition =>
  ofOperator(
    'projection_behind',
    'projection',
    `No round of the loop that completes lists has succeeded for ${BEHIND_MS / 1_000} s.`,
    'The log of this process has the cause, under `projection`; usually the database is away or full. Questions complete what they need themselves.',
  );

function forBoth(condition: TenantCondition, tenant: string): TenantCondition[] {
  return tenant === condition.tenant ? [condition] : [condition, { ...condition, tenant }];
}
