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

/** Bounded in every direction: by task, key, tenant and time. */
export function createTurns(limits: TurnLimits): Turns {
  return new FairTurns(limits);
}

/** Nothing is kept for a key or tenant that has no task. */
class FairTurns implements Turns {
  readonly #limits: TurnLimits;
  /** Tenants in the order of their turns, each with its keys in the order of theirs. */
  readonly #queues = new Map<string, Map<string, Set<Waiting>>>();
  readonly #runningByTenant = new Map<string, number>();
  #running = 0;
  #waiting = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  async run<T>(who: TurnOf, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw new TurnRefused('gone');
    // A task that waits already goes first.
    if (this.#mayRun(who.tenant) && !this.#queues.has(who.tenant)) this.#count(who.tenant, 1);
    else await this.#wait(who, signal);
    try {
      return await task();
    } finally {
      this.#count(who.tenant, -1);
      this.#startNext();
    }
  }

  #mayRun(tenant: string): boolean {
    return this.#running < this.#limits.running && (this.#runningByTenant.get(tenant) ?? 0) < this.#limits.runningOfTenant;
  }

  #count(tenant: string, change: 1 | -1): void {
    this.#running += change;
    const left = (this.#runningByTenant.get(tenant) ?? 0) + change;
    if (left === 0) this.#runningByTenant.delete(tenant);
    else this.#runningByTenant.set(tenant, left);
  }

  #remove({ tenant, key }: TurnOf, one: Waiting): boolean {
    const keys = this.#queues.get(tenant);
    const ofKey = keys?.get(key);
    if (!keys || !ofKey?.delete(one)) return false;
    this.#waiting -= 1;
    if (ofKey.size === 0) keys.delete(key);
    if (keys.size === 0) this.#queues.delete(tenant);
    return true;
  }

  /** The first waiting task of the next tenant's next key; both go to the end of their order. */
  #startNext(): void {
    for (const [tenant, keys] of this.#queues) {
      if (!this.#mayRun(tenant)) continue;
      const [key, ofKey] = keys.entries().next().value as [string, Set<Waiting>];
      const one = ofKey.values().next().value as Waiting;
      this.#remove({ tenant, key }, one);
      if (keys.delete(key)) keys.set(key, ofKey);
      if (this.#queues.delete(tenant)) this.#queues.set(tenant, keys);
      this.#count(tenant, 1);
      one.start();
      return;
    }
  }

  #wait(who: TurnOf, signal: AbortSignal): Promise<void> {
    const keys = this.#queues.get(who.tenant) ?? new Map<string, Set<Waiting>>();
    const ofKey = keys.get(who.key) ?? new Set<Waiting>();
    if (this.#waiting >= this.#limits.waiting || ofKey.size >= this.#limits.waitingOfKey)
      return Promise.reject(new TurnRefused('queue_full'));
    return new Promise((resolve, reject) => {
      const refuse = (code: TurnRefused['code']) => () => {
        if (!this.#remove(who, one)) return;
        settle();
        reject(new TurnRefused(code));
      };
      const timer = setTimeout(refuse('waited_too_long'), this.#limits.waitMs);
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
      this.#queues.set(who.tenant, keys.set(who.key, ofKey.add(one)));
      this.#waiting += 1;
    });
  }
}
