import { type AttemptStatus, canonicalize, type EventOf, effectsDigest, type RecantEvent, TIME_MS_MAX } from '@recant/events';
import { type Observed, type ObservedTransaction, observedTransactions } from './observed.ts';
import { type Discrepancies, discrepanciesOf } from './reported.ts';

type Intended = EventOf<'recant.attempt.intended.v1'>;
type Effects = EventOf<'recant.attempt.effects.v1'>;
type Settled = EventOf<'recant.attempt.settled.v1'>;

export interface AttemptState {
  readonly status: AttemptStatus;
  /**
   * The recorded chunks match the count and digest in the one settlement, and every chunk of every observed transaction is recorded. Without a settlement:
   * the target's record is all there is, and it is complete.
   */
  readonly complete: boolean;
  /** Absent without an intent, or with two different ones. */
  readonly intended?: Intended;
  /** Absent without a settlement, or with two different ones. */
  readonly settled?: Settled;
  /** Distinct chunks, ascending; a chunk with two different contents is left out. */
  readonly chunks: readonly Effects[];
  /** Transactions that the target recorded for this attempt. */
  readonly observed: readonly ObservedTransaction[];
  /** Where the agent's report contradicts what its targets recorded. */
  readonly discrepancies: Discrepancies;
}

/**
 * State of one attempt: a function of the set of its events; order and repetition do not matter.
 * @param events events of one (tenant, source, action, attempt), with the observed events of any source that belong to it.
 * @param nowMs milliseconds since 1970, UTC: an attempt without settlement is `unknown` from its deadline on.
 */
export function attemptState(events: readonly RecantEvent[], nowMs: number): AttemptState {
  const intents = distinct(
    events.filter((event) => event.type === 'recant.attempt.intended.v1'),
    contentOf,
  );
  const ends = distinct(
    events.filter((event) => event.type === 'recant.attempt.settled.v1'),
    endOf,
  );
  const chunks = soleChunks(events.filter((event) => event.type === 'recant.attempt.effects.v1'));
  const seen = events.filter((event) => event.type === 'recant.attempt.observed.v1');
  const observed = observedTransactions(seen);
  const intended = intents.length === 1 ? intents[0] : undefined;
  const settled = ends.length === 1 ? ends[0] : undefined;
  const status = isByLogin(seen) ? 'succeeded' : statusOf(intents, ends, nowMs);
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

function statusOf(intents: readonly Intended[], ends: readonly Settled[], nowMs: number): AttemptStatus {
  if (intents.length > 1 || ends.length > 1) return 'contested';
  if (ends[0] !== undefined) return ends[0].data.outcome;
  return intents[0] !== undefined && nowMs < deadlineOf(intents[0]) ? 'open' : 'unknown';
}

/** Milliseconds since 1970, UTC, from which an attempt without settlement is `unknown`. */
export function deadlineOf(intended: Intended): number {
  return Math.min(Date.parse(intended.time) + intended.data.deadlineMs, TIME_MS_MAX);
}

function isComplete(settled: Settled, chunks: readonly Effects[]): boolean {
  const { data } = settled;
  if (chunks.length !== data.chunks || chunks.some((event, n) => event.data.chunk !== n)) return false;
  const lists = chunks.map((event) => event.data.effects);
  return lists.reduce((sum, list) => sum + list.length, 0) === data.effects && effectsDigest(lists) === data.digest;
}

/** Two settlements with the same outcome, counts and digest are one end, whatever their time. */
function endOf({ data }: Settled): string {
  return `${data.outcome}/${data.chunks}/${data.effects}/${data.digest}`;
}
function contentOf(event: RecantEvent): string {
  return canonicalize(event);
}

/** One event for each key: the one with the least canonical text, so that the choice does not depend on order. */
function distinct<T extends RecantEvent>(events: readonly T[], keyOf: (event: T) => string): T[] {
  const byKey = new Map<string, T>();
  for (const event of events) {
    const known = byKey.get(keyOf(event));
    if (known === undefined || contentOf(event) < contentOf(known)) byKey.set(keyOf(event), event);
  }
  return [...byKey.keys()].sort().map((key) => byKey.get(key) as T);
}

function soleChunks(events: readonly Effects[]): Effects[] {
  const contents = distinct(events, (event) => canonicalize(event.data));
  const counts = new Map<number, number>();
  for (const { data } of contents) counts.set(data.chunk, (counts.get(data.chunk) ?? 0) + 1);
  return contents.filter(({ data }) => counts.get(data.chunk) === 1).sort((a, b) => a.data.chunk - b.data.chunk);
}
