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
export function observedTransactions(events: readonly Observed[]): readonly ObservedTransaction[] {
  const groups = Map.groupBy(events, ({ data }) => `${data.system} ${data.transaction}`);
  return [...groups.keys()].sort().map((key) => {
    const group = (groups.get(key) as Observed[]).map(({ data }) => data);
    const { system, transaction } = group[0] as AttemptObserved;
    return { system, transaction, complete: isComplete(group) };
  });
}

function isComplete(group: readonly AttemptObserved[]): boolean {
  const contents = new Map(group.map((data) => [canonicalize(data), data]));
  const chunks = new Set(group.map(({ chunk }) => chunk));
  const [total, ...others] = new Set(group.map((data) => data.chunks));
  return others.length === 0 && contents.size === total && chunks.size === total && Math.max(...chunks) === total - 1;
}
