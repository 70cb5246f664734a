import { type AttemptStatus, type EventOf, effectsDigest, type RecantEvent, TIME_MS_MAX } from '@recant/events';
import { type Observed, type ObservedTransaction, observedTransactions } from './observed.ts';
import { type Discrepancies, discrepanciesOf } from './reported.ts';

type Intended = EventOf<'recant.attempt.intended.v1'>;
type Effects = EventOf<'recant.attempt.effects.v1'>;
type Settled = EventOf<'recant.attempt.settled.v1'>;

export interface AttemptState {
  readonly status: AttemptStatus;
  /**
   * The recorded chunks match the count and digest in the settlement, and every chunk of every observed transaction is recorded. Without a settlement:
   * the target's record is all there is, and it is complete.
   */
  readonly complete: boolean;
  /** Absent without an intent. */
  readonly intended?: Intended;
  /** Absent without a settlement. */
  readonly settled?: Settled;
  /** Ascending. */
  readonly chunks: readonly Effects[];
  /** Transactions that the target recorded for this attempt. */
  readonly observed: readonly ObservedTransaction[];
  /** Where the agent's report contradicts what its targets recorded. */
  readonly discrepancies: Discrepancies;
}

/** An event and its place in the log. */
export interface AttemptEntry {
  readonly entry: { readonly shard: number; readonly index: bigint };
  /** Milliseconds since 1970, UTC: when the ledger recorded it. */
  readonly receivedAtMs: number;
  readonly event: RecantEvent;
}

/** Milliseconds after the ledger recorded an intent for which its attempt is `open` at most, whatever its agent says about deadline and time: one day. */
export const OPEN_MS_MAX = 86_400_000;

/**
 * State of one attempt: a function of the set of its entries; order and repetition do not matter. Of several entries with one id the lowest counts, so that
 * nothing said later changes what was acknowledged.
 * @param entries of one (tenant, source, action, attempt), with the observed events of any source that belong to it.
 * @param nowMs milliseconds since 1970, UTC: an attempt without settlement is `unknown` from its deadline on, or from `OPEN_MS_MAX` after its intent was recorded.
 */
export function attemptState(entries: readonly AttemptEntry[], nowMs: number): AttemptState {
  const first = firstOfIds(entries);
  const events = first.map(({ event }) => event);
  const intended = events.find((event) => event.type === 'recant.attempt.intended.v1');
  const receivedAtMs = first.find(({ event }) => event === intended)?.receivedAtMs ?? 0;
  const settled = events.find((event) => event.type === 'recant.attempt.settled.v1');
  const chunks = events.filter((event) => event.type === 'recant.attempt.effects.v1').sort((a, b) => a.data.chunk - b.data.chunk);
  const seen = events.filter((event) => event.type === 'recant.attempt.observed.v1');
  const observed = observedTransactions(seen);
  const status = isByLogin(seen) ? 'succeeded' : statusOf(intended, settled, receivedAtMs, nowMs);
  return {
    status,
    complete: isAllRecorded(status, settled, chunks, observed),
    ...(intended === undefined ? {} : { intended }),
    ...(settled === undefined ? {} : { settled }),
    chunks,
    observed,
    discrepancies: discrepanciesOf(chunks, seen, settled?.data.outcome === 'denied'),
  };
}

/** An attempt by login is a transaction that its target committed: it has neither intent nor settlement. */
function isByLogin(seen: readonly Observed[]): boolean {
  return seen.some(({ data }) => data.of === undefined);
}

function isAllRecorded(
  status: AttemptStatus,
  settled: Settled | undefined,
  chunks: readonly Effects[],
  observed: readonly ObservedTransaction[],
): boolean {
  if (observed.some(({ complete }) => !complete)) return false;
  if (settled !== undefined) return isComplete(settled, chunks);
  // Without a settlement the target's record is all there is. Effects that the agent reported ask for a settlement that counts them.
  return (status === 'unknown' || status === 'succeeded') && observed.length > 0 && chunks.length === 0;
}

/** I14: an agent cannot keep an attempt open, and so out of every undo, by what it says. */
function statusOf(intended: Intended | undefined, settled: Settled | undefined, receivedAtMs: number, nowMs: number): AttemptStatus {
  if (settled !== undefined) return settled.data.outcome;
  return intended !== undefined && nowMs < Math.min(deadlineOf(intended), receivedAtMs + OPEN_MS_MAX) ? 'open' : 'unknown';
}

/** Milliseconds since 1970, UTC, from which an attempt without settlement is `unknown`, as its agent says. */
export function deadlineOf(intended: Intended): number {
  return Math.min(Date.parse(intended.time) + intended.data.deadlineMs, TIME_MS_MAX);
}

/**
 * A chunk beyond those that the settlement counts changes nothing: whatever an agent adds afterwards, its attempt can be undone as it was settled. The effects
 * in it are undone, too.
 */
function isComplete({ data }: Settled, recorded: readonly Effects[]): boolean {
  const chunks = recorded.filter((event) => event.data.chunk < data.chunks);
  if (chunks.length !== data.chunks || chunks.some((event, n) => event.data.chunk !== n)) return false;
  const lists = chunks.map((event) => event.data.effects);
  return lists.reduce((sum, list) => sum + list.length, 0) === data.effects && effectsDigest(lists) === data.digest;
}

/** In log order. Ids are unique within a source; the events of several sources belong to one attempt. */
function firstOfIds(entries: readonly AttemptEntry[]): AttemptEntry[] {
  const inOrder = entries.toSorted(
    ({ entry: a }, { entry: b }) => a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0),
  );
  const first = new Map<string, AttemptEntry>();
  for (const one of inOrder) {
    const { event } = one;
    const key = `${event.source} ${event.id}`;
    if (!first.has(key)) first.set(key, one);
  }
  return [...first.values()];
}
