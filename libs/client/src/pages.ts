import type { AttemptBody, Page } from '@recant/api';
import type { AttemptFilter, LedgerClient } from './ledger.ts';

/** Every item of all pages, asked for as they are needed. */
export async function* everyItem<T>(fetchPage: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await fetchPage(cursor);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

export function everyAttempt(client: Pick<LedgerClient, 'attempts'>, filter: AttemptFilter, limit = 200): AsyncGenerator<AttemptBody> {
  return everyItem((cursor) => client.attempts(filter, { limit, ...(cursor === undefined ? {} : { cursor }) }));
}

export interface TailOptions {
  readonly signal: AbortSignal;
  /** Milliseconds between two questions. */
  readonly everyMs?: number;
  /** Attempts shown from before now. */
  readonly last?: number;
}

/** How far back each question looks again: an attempt that settled meanwhile is told a second time, with its new status. Milliseconds. */
const LOOK_BACK_MS = 60_000;

/** Attempts as they come in, and again when their status changes, until the signal. Oldest first within one question. */
export async function* tail(
  client: Pick<LedgerClient, 'attempts'>,
  filter: Omit<AttemptFilter, 'from' | 'to' | 'order'>,
  options: TailOptions,
): AsyncGenerator<AttemptBody> {
  let told = new Map<string, string>();
  const first = await client.attempts(filter, { limit: Math.max(1, options.last ?? 10) });
  let newest = first.items[0]?.receivedAt;
  for (const attempt of first.items) told.set(keyOf(attempt), stateOf(attempt));
  if (options.last !== 0) yield* [...first.items].reverse();
  while (await pause(options.everyMs ?? 1_000, options.signal)) {
    const from = newest === undefined ? {} : { from: new Date(Date.parse(newest) - LOOK_BACK_MS).toISOString() };
    const seen = new Map<string, string>();
    for await (const attempt of everyAttempt(client, { ...filter, ...from, order: 'oldest' })) {
      const key = keyOf(attempt);
      seen.set(key, stateOf(attempt));
      if (newest === undefined || attempt.receivedAt > newest) newest = attempt.receivedAt;
      if (told.get(key) !== stateOf(attempt) && (told.has(key) || !first.items.some((old) => keyOf(old) === key))) yield attempt;
      if (options.signal.aborted) return;
    }
    told = seen;
  }
}

function keyOf(attempt: AttemptBody): string {
  return `${attempt.source}\n${attempt.action}\n${attempt.attempt}`;
}

function stateOf(attempt: AttemptBody): string {
  return `${attempt.status}\n${attempt.effects}\n${attempt.complete}`;
}

/** False once the signal came. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve(true);
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
