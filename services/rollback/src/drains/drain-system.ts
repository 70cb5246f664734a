import type { Drain, DrainBatch } from '@recant/connector';
import type { Clock } from '@recant/runner';
import type { LedgerProducer } from '../ledger-producer.ts';
import type { OpenTargets } from '../targets.ts';

/** What draining needs of the service. */
export interface DrainDeps {
  readonly targets: Pick<OpenTargets, 'open'>;
  readonly producer: Pick<LedgerProducer, 'transport' | 'sourcePrefix'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Highest number that the ledger has recorded of a source. */
  recorded(tenant: string, source: string): Promise<number>;
}

/** The drain of one registered system in this process. */
export interface SystemDrain {
  /** Sends what is there, if anything is. */
  turn(): Promise<void>;
  /** Returns once everything committed before the call is acknowledged by the ledger. @throws if it cannot be */
  flush(): Promise<void>;
  /** Undefined: the last turn went through. */
  readonly failure: { readonly reason: string; readonly sinceMs: number; readonly count: number } | undefined;
  /** Start of the last turn that went through: everything committed before is in the ledger. Undefined: none yet, or a system without capture of its own. */
  readonly drainedAtMs: number | undefined;
}

/** Calls are carried out one after the other: a second one in the same process would only send the same bytes again. */
export function createSystemDrain(
  deps: DrainDeps,
  tenant: string,
  system: { readonly name: string; readonly connector: string },
): SystemDrain {
  let last: Promise<unknown> = Promise.resolve();
  let failure: SystemDrain['failure'];
  let drainedAtMs: number | undefined;
  const inOrder = (work: (drain: Drain) => Promise<void>): Promise<void> => {
    const done = last.then(async () => {
      const startedAtMs = deps.clock.now();
      try {
        const drain = await open();
        if (drain !== undefined) {
          await work(drain);
          drainedAtMs = startedAtMs;
        }
        failure = undefined;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        failure = { reason, sinceMs: failure?.sinceMs ?? deps.clock.now(), count: (failure?.count ?? 0) + 1 };
        throw error;
      }
    });
    last = done.catch(() => undefined);
    return done;
  };
  const open = async (): Promise<Drain | undefined> => (await deps.targets.open(tenant, system.name, system.connector))?.drain;

  async function drainAll(drain: Drain): Promise<void> {
    const sourcePrefix = await deps.producer.sourcePrefix(tenant);
    const next = () => drain.next({ sourcePrefix, nowMs: deps.clock.now(), recorded: (source) => deps.recorded(tenant, source) });
    let state = await next();
    const end = state.absorbed;
    while (state.batch !== undefined) {
      await send(state.batch);
      await drain.confirm(state.batch);
      if (state.batch.through >= end) return;
      state = await next();
    }
  }

  async function send({ events }: DrainBatch): Promise<void> {
    const receipts = await deps.producer.transport.send(tenant, events);
    const refused = receipts.find(({ kind }) => kind === 'refused');
    if (refused !== undefined)
      throw new Error(`The ledger refused a captured transaction of ${system.name} (${refused.code}): ${refused.detail}`);
    if (receipts.length !== events.length) throw new Error(`expected ${events.length} receipts, got ${receipts.length}`);
  }

  return {
    turn: () => inOrder(async (drain) => ((await drain.isIdle(deps.clock.now())) ? undefined : drainAll(drain))),
    flush: () => inOrder(drainAll),
    get failure() {
      return failure;
    },
    get drainedAtMs() {
      return drainedAtMs;
    },
  };
}
