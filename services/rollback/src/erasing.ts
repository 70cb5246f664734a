import { ConnectorError } from '@recant/connector';
import type { Logger } from '@recant/service';
import type { Erasure, ErasureReport, Erasures, Systems, TenantCondition } from '@recant/store';
import type { Drains } from './drains/drains.ts';
import type { OpenTargets } from './targets.ts';

/** Milliseconds between two looks, the longest pause after a try, and that a system gets to record what it captured. */
const POLL_MS = 1_000;
const PAUSE_MS_MAX = 3_600_000;
const FLUSH_MS_MAX = 10_000;
/** Erasures looked at in one round. */
const PENDING_MAX = 100;
/** Tries after which what is left is an alarm. */
const TRIES_SILENT = 3;

export interface ErasingDeps {
  readonly erasures: Erasures;
  readonly systems: Pick<Systems, 'find'>;
  readonly targets: Pick<OpenTargets, 'open'>;
  readonly drain: Pick<Drains, 'flush'>;
  readonly tenant: () => Promise<string | undefined>;
  readonly now: () => number;
  readonly log: Logger;
}

export interface Erasing {
  start(): void;
  /** Resolves when the running round has ended. */
  stop(): Promise<void>;
  /** One for each system in which images of erased subjects remain. */
  conditions(): readonly TenantCondition[];
}

/** Erases the images of erased subjects in the registered systems, and tries again what it could not reach. Any number of processes may do it at once. */
export function createErasing(deps: ErasingDeps): Erasing {
  let last: readonly TenantCondition[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function turn(): Promise<void> {
    const tenant = await deps.tenant();
    if (tenant === undefined) return;
    const pending = await deps.erasures.pending(tenant, PENDING_MAX);
    for (const one of pending.filter(({ nextAtMs }) => nextAtMs <= deps.now())) {
      if (timer === undefined) return;
      const report = await tryOnce(deps, tenant, one);
      await deps.erasures.report(tenant, one, report, deps.now());
    }
    last = conditionsOf(tenant, pending);
  }

  const round = (): void => {
    running = turn()
      .catch((err: unknown) => deps.log.warn({ err }, 'erasing: store unavailable; retrying'))
      .then(() => {
        if (timer !== undefined) timer = setTimeout(round, POLL_MS).unref();
      });
  };
  return {
    start() {
      timer = setTimeout(round, 0).unref();
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
    conditions: () => last,
  };
}

async function tryOnce({ systems, targets, drain, now, log }: ErasingDeps, tenant: string, erasure: Erasure): Promise<ErasureReport> {
  const { system: name, subject, tries, waiting } = erasure;
  const later = { nextAtMs: now() + Math.min(PAUSE_MS_MAX, POLL_MS * 2 ** tries) };
  try {
    const system = await systems.find(tenant, name);
    if (system === undefined) return { changes: 0, remains: [`System ${name} is not registered any more: nothing was erased there.`] };
    const target = await targets.open(tenant, name, system.connector);
    if (target?.erase === undefined)
      return { changes: 0, remains: [`Images of ${system.connector} systems are not assigned to subjects: delete them by hand.`] };
    const lagging = (await drain.flush(tenant, FLUSH_MS_MAX)).lagging.filter((one) => one.system === name);
    const erased = await target.erase(subject, waiting);
    const remains = [...erased.remains, ...lagging.map(({ reason }) => `Its latest changes are not recorded: ${reason}`)];
    log.info({ system: name, changes: erased.changes, remains }, 'erasing: images of an erased subject');
    return { changes: erased.changes, remains, waiting: erased.waiting, ...(remains.length > 0 && later) };
  } catch (error) {
    if (!(error instanceof ConnectorError)) log.error({ system: name, err: error }, 'erasing: a system failed; retrying');
    const reason = error instanceof Error ? error.message : String(error);
    return { changes: 0, remains: [`Not erased: ${reason}`], ...(waiting && { waiting }), ...later };
  }
}

function conditionsOf(tenant: string, pending: readonly Erasure[]): TenantCondition[] {
  const bySystem = new Map<string, Erasure[]>();
  for (const one of pending.filter(({ tries }) => tries >= TRIES_SILENT))
    bySystem.set(one.system, [...(bySystem.get(one.system) ?? []), one]);
  return [...bySystem].map(([system, of]) => ({
    tenant,
    code: 'erasure_incomplete',
    subject: system,
    detail: `Images of ${of.length} erased subject${of.length === 1 ? '' : 's'} remain. ${of[0]?.remains.join(' ') ?? ''}`,
    action: 'Correct the cause; `recant subjects show SUBJECT` says what is left. It is tried again by itself.',
  }));
}
