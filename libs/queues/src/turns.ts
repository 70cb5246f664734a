/** Who waits: tenants take turns, and within a tenant its keys. */
export interface TurnOf {
  readonly tenant: string;
  readonly key: string;
}

export interface TurnLimits {
  /** Tasks that run at once. */
  readonly running: number;
  /** Tasks of one tenant that run at once: below `running`, slow tasks of one tenant never use every slot. */
  readonly runningOfTenant: number;
  /** Tasks of one key that wait. */
  readonly waitingOfKey: number;
  /** Tasks that wait in all. */
  readonly waiting: number;
  /** Milliseconds that a task waits. */
  readonly waitMs: number;
}

/** Why a task did not run. `gone`: its signal was aborted while it waited. */
export class TurnRefused extends Error {
  readonly code: 'queue_full' | 'waited_too_long' | 'gone';

  constructor(code: TurnRefused['code']) {
    super(code);
    this.name = 'TurnRefused';
    this.code = code;
  }
}

export interface Turns {
  /** @throws TurnRefused before the task starts; afterwards whatever it throws */
  run<T>(who: TurnOf, signal: AbortSignal, task: () => Promise<T>): Promise<T>;
  readonly waiting: number;
}

interface Waiting {
  readonly start: () => void;
}

/** Bounded in every direction: by task, key, tenant and time. Nothing is kept for a key or tenant that has no task. */
export function createTurns(limits: TurnLimits): Turns {
  /** Tenants in the order of their turns, each with its keys in the order of theirs. */
  const queues = new Map<string, Map<string, Set<Waiting>>>();
  const runningByTenant = new Map<string, number>();
  let running = 0;
  let waiting = 0;

  const mayRun = (tenant: string): boolean => running < limits.running && (runningByTenant.get(tenant) ?? 0) < limits.runningOfTenant;

  function count(tenant: string, change: 1 | -1): void {
    running += change;
    const left = (runningByTenant.get(tenant) ?? 0) + change;
    if (left === 0) runningByTenant.delete(tenant);
    else runningByTenant.set(tenant, left);
  }

  function remove({ tenant, key }: TurnOf, one: Waiting): boolean {
    const keys = queues.get(tenant);
    const ofKey = keys?.get(key);
    if (!keys || !ofKey?.delete(one)) return false;
    waiting -= 1;
    if (ofKey.size === 0) keys.delete(key);
    if (keys.size === 0) queues.delete(tenant);
    return true;
  }

  /** The first waiting task of the next tenant's next key; both go to the end of their order. */
  function startNext(): void {
    for (const [tenant, keys] of queues) {
      if (!mayRun(tenant)) continue;
      const [key, ofKey] = keys.entries().next().value as [string, Set<Waiting>];
      const one = ofKey.values().next().value as Waiting;
      remove({ tenant, key }, one);
      if (keys.delete(key)) keys.set(key, ofKey);
      if (queues.delete(tenant)) queues.set(tenant, keys);
      count(tenant, 1);
      one.start();
      return;
    }
  }

  function wait(who: TurnOf, signal: AbortSignal): Promise<void> {
    const keys = queues.get(who.tenant) ?? new Map<string, Set<Waiting>>();
    const ofKey = keys.get(who.key) ?? new Set<Waiting>();
    if (waiting >= limits.waiting || ofKey.size >= limits.waitingOfKey) return Promise.reject(new TurnRefused('queue_full'));
    return new Promise((resolve, reject) => {
      const refuse = (code: TurnRefused['code']) => () => {
        if (!remove(who, one)) return;
        settle();
        reject(new TurnRefused(code));
      };
      const timer = setTimeout(refuse('waited_too_long'), limits.waitMs);
      const gone = refuse('gone');
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', gone);
      };
      const one: Waiting = {
        start: () => {
          settle();
          resolve();
        },
      };
      signal.addEventListener('abort', gone, { once: true });
      queues.set(who.tenant, keys.set(who.key, ofKey.add(one)));
      waiting += 1;
    });
  }

  return {
    async run(who, signal, task) {
      if (signal.aborted) throw new TurnRefused('gone');
      // A task that waits already goes first.
      if (mayRun(who.tenant) && !queues.has(who.tenant)) count(who.tenant, 1);
      else await wait(who, signal);
      try {
        return await task();
      } finally {
        count(who.tenant, -1);
        startNext();
      }
    },
    get waiting() {
      return waiting;
    },
  };
}
