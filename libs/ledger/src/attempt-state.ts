import { type AttemptStatus, chunkDigest, createEffectsDigest, type EventOf, type RecantEvent, TIME_MS_MAX } from '@recant/events';
import { createObservedFold, type Observed } from './observed.ts';
import { comparedIn, type Discrepancies, discrepanciesOf, effectsOfEvent } from './reported.ts';

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
  /** Recorded effects that count. */
  readonly effects: number;
  /** Of these, those that targets recorded. */
  readonly observed: number;
  /** Where the agent's report contradicts what its targets recorded. */
  readonly discrepancies: Discrepancies;
}

/** An event and its place in the log. */
interface AttemptEntry {
  readonly entry: { readonly shard: number; readonly index: bigint };
  /** Milliseconds since 1970, UTC: when the ledger recorded it. */
  readonly receivedAtMs: number;
  readonly event: RecantEvent;
}

/** Milliseconds after the ledger recorded an intent for which its attempt is `open` at most, whatever its agent says about deadline and time: one day. */
export const OPEN_MS_MAX = 86_400_000;

/** Effects up to which an agent's report is compared with what targets recorded: they are kept meanwhile. */
const COMPARED_MAX = 10_000;

/**
 * State of one attempt: a function of the set of its entries, computed entry by entry. Of several entries with one id the lowest counts, so that nothing said
 * later changes what was acknowledged. Keeps no effects, except to compare at most COMPARED_MAX.
 */
export interface AttemptFold {
  /** In log order: entries of one (tenant, source, action, attempt), with the observed events of any source that belong to it. */
  add(entry: AttemptEntry): void;
  /** @param nowMs milliseconds since 1970, UTC: an attempt without settlement is `unknown` from its deadline on, or from `OPEN_MS_MAX` after its intent was recorded. */
  state(nowMs: number): AttemptState;
}

export function createAttemptFold(): AttemptFold {
  return new Fold();
}

class Fold implements AttemptFold {
  /** Ids are unique within a source; the events of several sources belong to one attempt. */
  readonly #ids = new Set<string>();
  readonly #chunks = new Map<number, Chunk>();
  readonly #observed = createObservedFold();
  readonly #compared: { chunks: Effects[]; seen: Observed[] } = { chunks: [], seen: [] };
  #reported = 0;
  #recorded = 0;
  #effects = 0;
  #isByLogin = false;
  #intended: { readonly event: Intended; readonly receivedAtMs: number } | undefined;
  #settled: Settled | undefined;

  add({ event, receivedAtMs }: AttemptEntry): void {
    const id = `${event.source} ${event.id}`;
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    if (event.type === 'recant.attempt.intended.v1') this.#intended ??= { event, receivedAtMs };
    else if (event.type === 'recant.attempt.settled.v1') this.#settled ??= event;
    else if (event.type === 'recant.attempt.effects.v1') this.#addChunk(event);
    else if (event.type === 'recant.attempt.observed.v1') this.#addObserved(event);
  }

  #addChunk(event: Effects): void {
    const { chunk, effects } = event.data;
    this.#chunks.set(chunk, { effects: effects.length, digest: chunkDigest(effects), isTwice: this.#chunks.has(chunk) });
    this.#effects += effectsOfEvent(event).length;
    if (this.#isComparable(event)) this.#compared.chunks.push(event);
  }

  #addObserved(event: Observed): void {
    // An attempt by login is a transaction that its target committed: it has neither intent nor settlement.
    this.#isByLogin ||= event.data.of === undefined;
    this.#observed.add(event);
    this.#effects += effectsOfEvent(event).length;
    if (this.#isComparable(event)) this.#compared.seen.push(event);
  }

  #isComparable(event: Effects | Observed): boolean {
    const { reported, recorded } = comparedIn(event);
    this.#reported += reported;
    this.#recorded += recorded;
    if (this.#reported + this.#recorded <= COMPARED_MAX) return reported + recorded > 0;
    this.#compared.chunks = [];
    this.#compared.seen = [];
    return false;
  }

  state(nowMs: number): AttemptState {
    const intended = this.#intended?.event;
    const settled = this.#settled;
    const status = this.#isByLogin ? 'succeeded' : statusOf(intended, settled, this.#intended?.receivedAtMs ?? 0, nowMs);
    return {
      status,
      complete: this.#isAllRecorded(status),
      ...(intended === undefined ? {} : { intended }),
      ...(settled === undefined ? {} : { settled }),
      effects: this.#effects,
      observed: this.#recorded,
      discrepancies: this.#discrepancies(),
    };
  }

  #isAllRecorded(status: AttemptStatus): boolean {
    const observed = this.#observed.transactions();
    if (observed.some(({ complete }) => !complete)) return false;
    if (this.#settled !== undefined) return isComplete(this.#settled, this.#chunks);
    // Without a settlement the target's record is all there is. Effects that the agent reported ask for a settlement that counts them.
    return (status === 'unknown' || status === 'succeeded') && observed.length > 0 && this.#chunks.size === 0;
  }

  #discrepancies(): Discrepancies {
    const isDenied = this.#settled?.data.outcome === 'denied';
    if (this.#reported + this.#recorded <= COMPARED_MAX) return discrepanciesOf(this.#compared.chunks, this.#compared.seen, isDenied);
    // An agent that reports nothing contradicts nothing, unless it says that its tool did not run.
    return { compared: this.#reported === 0 && !isDenied, count: 0, shown: [] };
  }
}

interface Chunk {
  readonly effects: number;
  readonly digest: string;
  /** Two entries have its number. */
  readonly isTwice: boolean;
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
function isComplete({ data }: Settled, chunks: ReadonlyMap<number, Chunk>): boolean {
  const digest = createEffectsDigest();
  let effects = 0;
  for (let n = 0; n < data.chunks; n += 1) {
    const chunk = chunks.get(n);
    if (chunk === undefined || chunk.isTwice) return false;
    effects += chunk.effects;
    digest.addDigest(chunk.digest);
  }
  return effects === data.effects && digest.hex() === data.digest;
}
