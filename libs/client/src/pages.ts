import type { AttemptBody, Page } from '@recant/api';
import type { AttemptFilter, LedgerClient } from './ledger.ts';
import { pause } from './pause.ts';

/** All items of all pages, fetched on demand. */
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
  /** Milliseconds between two requests. */
  readonly everyMs?: number;
  /** Number of earlier attempts to yield first. */
  readonly last?: number;
}

/** Open attempts that are polled; beyond it the oldest are dropped. */
const OPEN_MAX = 500;
const PAGE_ITEMS = 200;

/**
 * Yields each attempt when it is recorded, and again when its state changes, until the signal. The ledger's `tail` cursor marks what was listed, so
 * no attempt is missed between two requests. The outcome filter is applied here, because an attempt gets its outcome after it was listed.
 */
export async function* tail(
  client: Pick<LedgerClient, 'attempts'>,
  filter: Omit<AttemptFilter, 'from' | 'to' | 'order'>,
  options: TailOptions,
): AsyncGenerator<AttemptBody> {
  const { outcome, ...listed } = filter;
  const wanted = (attempt: AttemptBody) => outcome === undefined || outcome.some((one) => one === attempt.status);
  const open = new Map<string, AttemptBody>();
  const note = (attempt: AttemptBody) => {
    open.delete(keyOf(attempt));
    if (attempt.status === 'open') open.set(keyOf(attempt), attempt);
    if (open.size > OPEN_MAX) open.delete(open.keys().next().value as string);
    return wanted(attempt);
  };
  const first = await client.attempts(listed, { limit: Math.max(1, options.last ?? 10) });
  for (const attempt of options.last === 0 ? [] : first.items.toReversed()) if (note(attempt)) yield attempt;
  let cursor = first.tail;
  while (await pause(options.everyMs ?? 1_000, options.signal)) {
    for (const attempt of await changedSince(client, open)) if (note(attempt)) yield attempt;
    let page = await client.attempts({ ...listed, order: 'oldest' }, { cursor, limit: PAGE_ITEMS });
    cursor = page.tail;
    for (;;) {
      for (const attempt of page.items) if (note(attempt)) yield attempt;
      if (page.next === undefined || options.signal.aborted) break;
      page = await client.attempts({ ...listed, order: 'oldest' }, { cursor: page.next, limit: PAGE_ITEMS });
    }
  }
}

/** The yielded open attempts whose state has changed. */
async function changedSince(
  client: Pick<LedgerClient, 'attempts'>,
  open: ReadonlyMap<string, AttemptBody>,
): Promise<readonly AttemptBody[]> {
  if (open.size === 0) return [];
  const times = [...open.values()].map(({ receivedAt }) => Date.parse(receivedAt));
  const window = { from: new Date(Math.min(...times)).toISOString(), to: new Date(Math.max(...times) + 1).toISOString() };
  const changed: AttemptBody[] = [];
  for await (const attempt of everyAttempt(client, { ...window, order: 'oldest' }, OPEN_MAX)) {
    const before = open.get(keyOf(attempt));
    if (before && before.status !== attempt.status) changed.push(attempt);
  }
  return changed;
}

function keyOf(attempt: AttemptBody): string {
  return `${attempt.source}\n${attempt.action}\n${attempt.attempt}`;
}
