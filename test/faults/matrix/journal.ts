import type { Observed } from './senders.ts';
import { TENANTS } from './world.ts';

interface Wait {
  readonly tenant: string;
  readonly ms: number;
  readonly endedMs: number;
}

/** What the load of one run saw. */
export class Journal implements Observed {
  readonly problems = new Set<string>();
  readonly setBacks = new Set<string>();
  readonly #acknowledged: Wait[] = [];
  readonly #answered: Wait[] = [];

  acknowledgedMs(tenant: string, ms: number, atMs: number): void {
    this.#acknowledged.push({ tenant, ms, endedMs: atMs + ms });
  }

  answeredMs(tenant: string, ms: number, atMs: number): void {
    this.#answered.push({ tenant, ms, endedMs: atMs + ms });
  }

  unexpected(what: string): void {
    this.problems.add(what);
  }

  setBack(what: string): void {
    this.setBacks.add(what);
  }

  /** Longest wait of the tenants that were not struck, among those that ended in the interval. */
  othersMs(fromMs: number, toMs = Number.POSITIVE_INFINITY): { readonly acknowledged: number; readonly answered: number } {
    const longest = (waits: readonly Wait[]) =>
      waits
        .filter(({ tenant, endedMs }) => tenant !== TENANTS[0] && endedMs >= fromMs && endedMs < toMs)
        .reduce((most, { ms }) => Math.max(most, ms), 0);
    return { acknowledged: Math.round(longest(this.#acknowledged)), answered: Math.round(longest(this.#answered)) };
  }
}
