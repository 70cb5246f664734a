import type { Freezes } from '@recant/store';

type Store = Pick<Freezes, 'grant' | 'learn' | 'versions' | 'forgetLeases' | 'news'>;
export type LeaseAnswer = Awaited<ReturnType<Store['grant']>>;
type LeaseRequest = Parameters<Store['grant']>[1];

/** Milliseconds between two looks at the database while recorders wait: how late a freeze that another process ordered is noticed. */
const LOOK_MS = 200;
/** Waits end together at multiples of this time, so that renewals share their statements. */
const TOGETHER_MS = 200;
/** Requests that wait in this process; further ones are answered at once. */
const WAITING_MAX = 10_000;
const FORGET_MS = 600_000;

/** Answers recorders that ask for a lease; holds their request until a freeze is ordered or ends. */
export interface Leases {
  /** @param waitMs longest wait for a change, in milliseconds */
  ask(tenant: string, request: LeaseRequest, waitMs: number, signal: AbortSignal): Promise<LeaseAnswer>;
  /** Answers all that wait. */
  stop(): void;
}

interface Waiting {
  readonly tenant: string;
  readonly version: number;
  end(isChanged: boolean): void;
}

/** @param onError the database did not answer; recorders ask again by themselves */
export function createLeases(store: Store, onError: (error: unknown) => void): Leases {
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let forgottenMs = Number.NEGATIVE_INFINITY;
  let looking = false;
  let stopped = false;

  const changed = (matches: (one: Waiting) => boolean): void => {
    for (const one of [...waiting].filter(matches)) one.end(true);
  };
  const unsubscribe = store.news.subscribe((changedTenant, event) => {
    if (event === 'changed') changed(({ tenant }) => tenant === changedTenant);
  });
  const look = async (): Promise<void> => {
    timer = undefined;
    if (waiting.size === 0) return;
    looking = true;
    try {
      const versions = await store.versions([...new Set([...waiting].map(({ tenant }) => tenant))]);
      changed(({ tenant, version }) => (versions.get(tenant) ?? 0) !== version);
      if (performance.now() - forgottenMs > FORGET_MS) {
        forgottenMs = performance.now();
        await store.forgetLeases();
      }
    } catch (error) {
      onError(error);
    }
    looking = false;
    watch();
  };
  const watch = (): void => {
    if (timer !== undefined || looking || waiting.size === 0 || stopped) return;
    timer = setTimeout(() => void look(), LOOK_MS).unref();
  };

  return {
    async ask(tenant, request, waitMs, signal) {
      const answer = await store.grant(tenant, request);
      if (!answer.granted || waitMs === 0 || stopped || signal.aborted || waiting.size >= WAITING_MAX) return answer;
      const change = changeOf(waiting, { tenant, version: answer.version }, waitMs, signal);
      watch();
      // The lease counts from the request, so its end needs no other statement while nothing changes.
      if (!(await change) || signal.aborted) return answer;
      const learnt = await store.learn(tenant, request);
      return { ...learnt, granted: learnt.version === answer.version };
    },
    stop() {
      stopped = true;
      unsubscribe();
      clearTimeout(timer);
      for (const one of [...waiting]) one.end(false);
    },
  };
}

/** @returns whether the freezes may have changed; false after `waitMs`, or when the client is gone */
function changeOf(waiting: Set<Waiting>, of: Omit<Waiting, 'end'>, waitMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const one: Waiting = {
      ...of,
      end(isChanged) {
        clearTimeout(late);
        signal.removeEventListener('abort', unchanged);
        waiting.delete(one);
        resolve(isChanged);
      },
    };
    const unchanged = (): void => one.end(false);
    const late = setTimeout(unchanged, Math.max(0, waitMs - ((performance.now() + waitMs) % TOGETHER_MS)));
    signal.addEventListener('abort', unchanged, { once: true });
    waiting.add(one);
  });
}
