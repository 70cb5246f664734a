import { hash } from 'node:crypto';
import { type AttemptObserved, type AttemptRef, canonicalize, type EventOf, type RecantEvent } from '@recant/events';

export type Observed = EventOf<'recant.attempt.observed.v1'>;

/** An event that belongs to one attempt. */
export type AttemptEvent = Extract<RecantEvent, { type: `recant.attempt.${string}` }>;

/** The attempt of an event: of its own source, except for an observed event that names another one. */
export function refOfEvent({ source, data }: AttemptEvent): AttemptRef {
  return { source: ('of' in data ? data.of : undefined) ?? source, action: data.action, attempt: data.attempt };
}

/** A login that no agent is registered for, in a transaction that no attempt named: it belongs to no attempt. */
export function isOutsideWriter({ of, agent }: AttemptObserved): boolean {
  return of === undefined && agent === undefined;
}

/** One transaction of a target, as far as it is recorded. */
export interface ObservedTransaction {
  readonly system: string;
  readonly transaction: string;
  /** Every chunk is recorded, each with one content. */
  readonly complete: boolean;
}

/** The transactions among the events of one attempt: a function of the set of its events; order, source and repetition do not matter. */
export function createObservedFold(): { add(event: Observed): void; transactions(): readonly ObservedTransaction[] } {
  const found = new Map<string, Chunks>();
  return {
    add({ data }) {
      const { system, transaction, chunk, chunks } = data;
      const key = `${system} ${transaction}`;
      const one = found.get(key) ?? { system, transaction, totals: new Set(), contents: new Set(), chunks: new Set(), only: undefined };
      found.set(key, one);
      one.totals.add(chunks);
      one.chunks.add(chunk);
      addContent(one, data);
    },
    transactions: () =>
      [...found.keys()].sort().map((key) => {
        const one = found.get(key) as Chunks;
        return { system: one.system, transaction: one.transaction, complete: isComplete(one) };
      }),
  };
}

/** The usual transaction is one event, which is compared with nothing: it is hashed once another one comes. */
function addContent(one: Chunks, data: AttemptObserved): void {
  if (data.chunks === 1 && one.only === undefined && one.contents.size === 0) {
    one.only = data;
    return;
  }
  if (one.only !== undefined) one.contents.add(contentOf(one.only));
  one.only = undefined;
  one.contents.add(contentOf(data));
}

const contentOf = (data: AttemptObserved): string => hash('sha256', canonicalize(data), 'base64');

interface Chunks {
  readonly system: string;
  readonly transaction: string;
  /** Numbers of chunks that its events name. */
  readonly totals: Set<number>;
  /** Hashes of different events. */
  readonly contents: Set<string>;
  /** The only event so far, not hashed yet. */
  only: AttemptObserved | undefined;
  readonly chunks: Set<number>;
}

function isComplete({ totals, contents, chunks, only }: Chunks): boolean {
  const [total, ...others] = totals;
  const different = contents.size + (only === undefined ? 0 : 1);
  return others.length === 0 && different === total && chunks.size === total && Math.max(...chunks) === total - 1;
}
