import { setTimeout as delay } from 'node:timers/promises';
import type { FreezeStanding } from '@recant/connector';
import type { Logger } from '@recant/service';
import type { Freezes, SystemRecord, Systems } from '@recant/store';
import type { OpenTargets } from './targets.ts';

/** Milliseconds between two looks at the freezes: how late a system learns of one that another process ordered. */
const LOOK_MS = 200;
/** What delays a freeze in a system (sessions that are being ended) is looked at again after this long, then after twice as long each time, up to LOOK_MS. */
const SOON_MS = 20;
/** A system where all freezes are effective is asked again after this long: it may have been restored, or a login registered. */
const SETTLED_MS = 2_000;
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
  readonly freezes: Pick<Freezes, 'enforced' | 'note' | 'news'>;
  readonly systems: Pick<Systems, 'list'>;
  readonly targets: Pick<OpenTargets, 'open'>;
  readonly tenant: () => Promise<string | undefined>;
  readonly log: Logger;
  readonly everyMs?: number | undefined;
}

/** `waiting`: something is open there that may still take effect. `away`: the system did not answer. */
type Told = 'effective' | 'waiting' | 'away';
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
    async tell(served: string, { name, connector }: SystemRecord, inForce: InForce): Promise<Told> {
      try {
        const target = await targets.open(served, name, connector);
        const standings = (await target?.freezing?.enforce(inForce)) ?? [];
        for (const standing of standings) await note(served, name, standing);
        return standings.every(({ effective }) => effective) ? 'effective' : 'waiting';
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        log.warn({ system: name, err: error }, 'freezes: a system could not be told of a freeze; retrying');
        for (const { id } of inForce)
          await note(served, name, { id, effective: false, logins: [], open: [], unfrozen: { count: 0, shown: [] }, problem });
        return 'away';
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
  const rest = createRest(everyMs, () => woken.abort());
  const asking = new Map<string, Promise<void>>();
  let woken = new AbortController();
  let looping: Promise<void> | undefined;
  let last = '';
  const retrying = (error: unknown): void => log.warn({ err: error }, 'freezes: store unavailable; retrying');
  const unsubscribe = freezes.news.subscribe((_tenant, event) => {
    if (event === 'changed') woken.abort();
  });

  /** @param text of `inForce` */
  async function ask(served: string, system: SystemRecord, inForce: InForce, text: string): Promise<void> {
    const told = await teller.tell(served, system, inForce);
    // It may know only an older list.
    if (text === last) return rest.told(system.name, told);
    rest.end();
    woken.abort();
  }

  async function look(): Promise<void> {
    const served = await tenant();
    if (served === undefined) return;
    const inForce = await freezes.enforced(served);
    teller.forget(inForce);
    const text = JSON.stringify(inForce);
    if (text !== last) rest.end();
    else if (inForce.length === 0 && rest.isQuiet()) return;
    last = text;
    rest.looked();
    for (const system of await systems.list(served)) {
      // It may be answering an earlier list.
      if (!system.freezes || rest.has(system.name) || asking.has(system.name)) continue;
      const done = ask(served, system, inForce, text).catch(retrying);
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
          // Before the look: what changes during it is looked at once more.
          woken = new AbortController();
          await look().catch(retrying);
          await delay(everyMs, undefined, { signal: AbortSignal.any([stopping.signal, woken.signal]) }).catch(() => undefined);
        }
      })();
    },
    async stop() {
      stopping.abort();
      unsubscribe();
      await looping;
      await Promise.all(asking.values());
    },
  };
}

/** When systems need not be asked again. */
function createRest(everyMs: number, wake: () => void) {
  const untilMs = new Map<string, number>();
  let quietUntilMs = 0;
  let soonMs = SOON_MS;
  return {
    /** The freezes changed: all have to be asked. */
    end(): void {
      untilMs.clear();
      quietUntilMs = 0;
      soonMs = SOON_MS;
    },
    has: (system: string): boolean => performance.now() < (untilMs.get(system) ?? 0),
    looked(): void {
      quietUntilMs = performance.now() + IDLE_MS;
    },
    /** Without freezes there is nothing to ask yet. */
    isQuiet: (): boolean => performance.now() < quietUntilMs,
    told(system: string, told: Told): void {
      if (told === 'waiting') {
        setTimeout(wake, soonMs).unref();
        soonMs = Math.min(everyMs, 2 * soonMs);
        return;
      }
      untilMs.set(system, performance.now() + (told === 'away' ? PAUSE_MS : SETTLED_MS));
      if (told === 'away') quietUntilMs = 0;
    },
  };
}
