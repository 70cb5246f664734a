import type { Freezes } from '@recant/store';

type Store = Pick<Freezes, 'grant' | 'versions' | 'forgetLeases'>;
export type LeaseAnswer = Awaited<ReturnType<Store['grant']>>;
type LeaseRequest = Parameters<Store['grant']>[1];

/** Milliseconds between two looks at the database while recorders wait: how late a freeze that another process ordered is noticed. */
const LOOK_MS = 200;
/** Requests that wait in this process; further ones are answered at once. */
const WAITING_MAX = 10_000;
const FORGET_MS = 600_000;

/** Answers recorders that ask for a lease; holds their request until a freeze is ordered or ends. */
export interface Leases {
  /** @param waitMs longest wait for a change, in milliseconds */
  ask(tenant: string, request: LeaseRequest, waitMs: number, signal: AbortSignal): Promise<LeaseAnswer>;
  /** The freezes of a tenant changed: answers all that wait. */
  changed(tenant: string): void;
  /** Answers all that wait. */
  stop(): void;
}

interface Waiting {
  readonly tenant: string;
  readonly version: number;
  readonly end: () => void;
}

/** @param onError the database did not answer; recorders ask again by themselves */
export function createLeases(store: Store, onError: (error: unknown) => void): Leases {
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let forgottenMs = Number.NEGATIVE_INFINITY;
  let looking = false;
  let stopped = false;

  const endWhere = (matches: (one: Waiting) => boolean): void => {
    for (const one of [...waiting].filter(matches)) one.end();
  };
  const look = async (): Promise<void> => {
    timer = undefined;
    if (waiting.size === 0) return;
    looking = true;
    try {
      const versions = await store.versions([...new Set([...waiting].map(({ tenant }) => tenant))]);
      endWhere(({ tenant, version }) => (versions.get(tenant) ?? 0) !== version);
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
  const change = (tenant: string, version: number, waitMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const one: Waiting = {
        tenant,
        version,
        end() {
          clearTimeout(late);
          signal.removeEventListener('abort', one.end);
          waiting.delete(one);
          resolve();
        },
      };
      const late = setTimeout(one.end, waitMs);
      signal.addEventListener('abort', one.end, { once: true });
      waiting.add(one);
      watch();
    });

  return {
    async ask(tenant, request, waitMs, signal) {
      const answer = await store.grant(tenant, request);
      if (!answer.granted || waitMs === 0 || stopped || signal.aborted || waiting.size >= WAITING_MAX) return answer;
      await change(tenant, answer.version, waitMs, signal);
      return signal.aborted ? answer : store.grant(tenant, request);
    },
    changed: (changedTenant) => endWhere(({ tenant }) => tenant === changedTenant),
    stop() {
      stopped = true;
      clearTimeout(timer);
      endWhere(() => true);
    },
  };
}
