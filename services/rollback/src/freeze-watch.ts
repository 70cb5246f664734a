import { setTimeout as delay } from 'node:timers/promises';
import type { FreezeStanding } from '@recant/connector';
import type { Logger } from '@recant/service';
import type { Freezes, SystemRecord, Systems } from '@recant/store';
import type { OpenTargets } from './targets.ts';

/** Milliseconds between two looks at the freezes: how late a system learns of one. */
const LOOK_MS = 200;
/** A system that does not answer delays no other freeze, and is asked again after this long. */
const PAUSE_MS = 2_000;
/** Without freezes, systems are looked at this often: one may have been restored with an old freeze. */
const IDLE_MS = 30_000;

export interface FreezeWatch {
  start(): void;
  /** Resolves when the systems that are being asked have answered. */
  stop(): Promise<void>;
}

export interface FreezeWatchDeps {
  readonly freezes: Pick<Freezes, 'enforced' | 'note'>;
  readonly systems: Pick<Systems, 'list'>;
  readonly targets: Pick<OpenTargets, 'open'>;
  readonly tenant: () => Promise<string | undefined>;
  readonly log: Logger;
  readonly everyMs?: number | undefined;
}

type InForce = Awaited<ReturnType<Freezes['enforced']>>;

/** Tells systems of the freezes in force, and the store what they answered. */
function createTeller({ freezes, targets, log }: Pick<FreezeWatchDeps, 'freezes' | 'targets' | 'log'>) {
  /** What was last said of each freeze, by system: only changes are written. */
  const said = new Map<string, string>();

  async function note(served: string, system: string, { id, ...standing }: FreezeStanding): Promise<void> {
    const key = `${id} ${system}`;
    // Ages grow all the time.
    const text = JSON.stringify({ ...standing, open: standing.open.map(({ ageMs: _, ...one }) => one) });
    if (said.get(key) === text) return;
    await freezes.note(served, id, system, standing);
    said.set(key, text);
  }

  return {
    /** @returns false if the system did not answer */
    async tell(served: string, { name, connector }: SystemRecord, inForce: InForce): Promise<boolean> {
      try {
        const target = await targets.open(served, name, connector);
        const standings = (await target?.freezing?.enforce(inForce)) ?? [];
        for (const standing of standings) await note(served, name, standing);
        return true;
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        log.warn({ system: name, err: error }, 'freezes: a system could not be told of a freeze; retrying');
        for (const { id } of inForce)
          await note(served, name, { id, effective: false, logins: [], open: [], unfrozen: { count: 0, shown: [] }, problem });
        return false;
      }
    },
    /** Freezes that have ended. */
    forget(inForce: InForce): void {
      for (const key of said.keys()) if (!inForce.some(({ id }) => key.startsWith(`${id} `))) said.delete(key);
    },
  };
}

/** Keeps the freezes of every registered system equal to those in force, and reports when each is effective there. Any number of processes may do it at once. */
export function createFreezeWatch(deps: FreezeWatchDeps): FreezeWatch {
  const { freezes, systems, tenant, log, everyMs = LOOK_MS } = deps;
  const stopping = new AbortController();
  const teller = createTeller(deps);
  const asking = new Map<string, Promise<void>>();
  const pausedUntilMs = new Map<string, number>();
  let looping: Promise<void> | undefined;
  let quietUntilMs = 0;
  let last = '';
  const retrying = (error: unknown): void => log.warn({ err: error }, 'freezes: store unavailable; retrying');

  async function ask(served: string, system: SystemRecord, inForce: InForce): Promise<void> {
    if (await teller.tell(served, system, inForce)) return;
    pausedUntilMs.set(system.name, performance.now() + PAUSE_MS);
    quietUntilMs = 0;
  }

  async function look(): Promise<void> {
    const served = await tenant();
    if (served === undefined) return;
    const inForce = await freezes.enforced(served);
    teller.forget(inForce);
    const text = JSON.stringify(inForce);
    if (text !== last) pausedUntilMs.clear();
    else if (inForce.length === 0 && performance.now() < quietUntilMs) return;
    last = text;
    quietUntilMs = performance.now() + IDLE_MS;
    for (const system of await systems.list(served)) {
      if (!system.freezes || performance.now() < (pausedUntilMs.get(system.name) ?? 0)) continue;
      // It may be answering an earlier list.
      if (asking.has(system.name)) {
        quietUntilMs = 0;
        continue;
      }
      const done = ask(served, system, inForce).catch(retrying);
      asking.set(
        system.name,
        done.finally(() => asking.delete(system.name)),
      );
    }
  }

  return {
    start() {
      looping ??= (async () => {
        while (!stopping.signal.aborted) {
          await look().catch(retrying);
          await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      })();
    },
    async stop() {
      stopping.abort();
      await looping;
      await Promise.all(asking.values());
    },
  };
}
