import { createHash } from 'node:crypto';
import type { Caller } from './caller.ts';
import { faultOfStore } from './store-fault.ts';

/** Milliseconds for which a caller may still read metrics while the store does not answer. */
const REMEMBER_MS = 300_000;
/** Milliseconds after which a store that hangs counts as one that does not answer; a scrape gives up after 10 s. */
const ANSWER_MS_MAX = 2_000;
const CALLERS_MAX = 100;

/** Authenticates for routes with `duringOutage`. An answer of the store always counts: an ended key is forgotten. */
export interface OutageMemory {
  authenticate(authorization: string | undefined, ask: () => Promise<Caller>): Promise<Caller>;
}

/** @param clock milliseconds, monotonic */
export function createOutageMemory(clock: () => number): OutageMemory {
  const known = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();
  const recall = (key: string): Caller | undefined => {
    const found = known.get(key);
    return found !== undefined && found.untilMs > clock() ? found.caller : undefined;
  };
  return {
    async authenticate(authorization, ask) {
      const key = createHash('sha256')
        .update(authorization ?? '')
        .digest('base64');
      try {
        const caller = await (recall(key) === undefined ? ask() : atMost(ANSWER_MS_MAX, ask));
        known.delete(key);
        if (known.size >= CALLERS_MAX) known.delete(known.keys().next().value as string);
        known.set(key, { caller, untilMs: clock() + REMEMBER_MS });
        return caller;
      } catch (error) {
        const isAway = faultOfStore(error)?.code === 'store_unavailable';
        const caller = isAway ? recall(key) : undefined;
        if (!isAway) known.delete(key);
        if (caller === undefined) throw error;
        return caller;
      }
    },
  };
}

async function atMost(ms: number, ask: () => Promise<Caller>): Promise<Caller> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(`no answer within ${ms} ms`), { code: 'ETIMEDOUT' })), ms);
  });
  const answer = ask();
  // After the limit nobody awaits it.
  answer.catch(() => undefined);
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
