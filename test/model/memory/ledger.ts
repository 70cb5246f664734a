/**
 * The ledger in memory: one log of events, from which the product's own fold computes the state of each attempt. Answers the planner's questions without tables
 * of its own, so that nothing but the entries counts.
 */
import type { AttemptRef, RecantEvent } from '@recant/events';
import {
  type AttemptEvent,
  createAttemptFold,
  createObservedFold,
  effectsOfEvent,
  type Ruling,
  refOfEvent,
  ruledStatus,
} from '@recant/ledger';
import { type LedgerReader, type RecordedAttempt, type RecordedEffect, refKey, type Selection, type Vector } from '@recant/planner';

interface Entry {
  readonly entry: { readonly shard: number; readonly index: bigint };
  readonly receivedAtMs: number;
  readonly event: AttemptEvent;
}
type Word = Pick<Ruling, 'outcome' | 'by'>;

/** Resources that every key of an agent is registered for. */
const REGISTERED = ['postgres://shop/*'];
const KEY = 'key1';

export class Ledger {
  readonly #attempts = new Map<string, { readonly ref: AttemptRef; readonly entries: Entry[] }>();
  readonly #rulings = new Map<string, Word>();
  readonly #revoked = new Set<string>();
  #size = 0n;
  #nowMs: number;

  /** @param nowMs its clock: milliseconds since 1970, UTC */
  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A copy that goes on by itself. */
  fork(): Ledger {
    const copy = new Ledger(this.#nowMs);
    copy.#size = this.#size;
    for (const [key, { ref, entries }] of this.#attempts) copy.#attempts.set(key, { ref, entries: [...entries] });
    for (const [key, word] of this.#rulings) copy.#rulings.set(key, word);
    for (const key of this.#revoked) copy.#revoked.add(key);
    return copy;
  }

  append(event: RecantEvent): void {
    this.#nowMs += 1;
    const index = this.#size;
    this.#size += 1n;
    if (!isOfAttempt(event)) return;
    const ref = refOfEvent(event);
    const key = refKey(ref);
    const one = this.#attempts.get(key) ?? { ref, entries: [] };
    this.#attempts.set(key, one);
    one.entries.push({ entry: { shard: 0, index }, receivedAtMs: this.#nowMs, event });
  }

  /** A person settles an attempt whose outcome is unknown. */
  rule(ref: AttemptRef, word: Word): void {
    this.#rulings.set(refKey(ref), word);
  }

  /** The key of this attempt is revoked: nothing settles it any more. */
  revoke(ref: AttemptRef): void {
    this.#revoked.add(refKey(ref));
  }

  sleep(ms: number): void {
    this.#nowMs += ms;
  }

  /** The planner's reads. */
  reader(): LedgerReader {
    const below = (vector: Vector) => (entry: Entry) => entry.entry.index < (vector[0] ?? 0n);
    const all = (vector: Vector): RecordedAttempt[] =>
      [...this.#attempts.values()]
        .flatMap(({ ref, entries }) => this.#recorded(ref, entries.filter(below(vector))) ?? [])
        .sort((a, b) => Number(a.entry.index - b.entry.index));
    const among = (refs: readonly AttemptRef[]) => {
      const keys = new Set(refs.map(refKey));
      return (ref: AttemptRef) => keys.has(refKey(ref));
    };
    const effects = (vector: Vector, isWanted: (ref: AttemptRef) => boolean): RecordedEffect[] =>
      [...this.#attempts.values()]
        .filter(({ ref }) => isWanted(ref))
        .flatMap(({ ref, entries }) => entries.filter(below(vector)).flatMap((entry) => effectsIn(ref, entry)))
        .sort((a, b) => Number(a.entry.index - b.entry.index));
    return {
      vector: async () => ({ 0: this.#size }),
      select: async (_tenant, selection, vector) => all(vector).filter((attempt) => isSelected(selection, attempt)),
      attempts: async (_tenant, refs, vector) => all(vector).filter(({ ref }) => among(refs)(ref)),
      inversesOf: async (_tenant, refs, vector) => all(vector).filter(({ inverts }) => inverts !== undefined && among(refs)(inverts)),
      contexts: async () => new Map(),
      effectsOf: async (_tenant, refs, vector) => effects(vector, among(refs)),
      effectsOn: async (_tenant, resources, vector) => {
        const wanted = new Set(resources);
        return effects(vector, () => true).filter(({ resource }) => wanted.has(resource));
      },
    };
  }

  /** Undefined: no intent, and no agent's transaction. */
  #recorded(ref: AttemptRef, entries: readonly Entry[]): RecordedAttempt | undefined {
    const fold = createAttemptFold();
    const observed = createObservedFold();
    for (const entry of entries) {
      fold.add(entry);
      if (entry.event.type === 'recant.attempt.observed.v1') observed.add(entry.event);
    }
    const { status, complete, intended, settled, observed: seen } = fold.state(this.#nowMs);
    const first =
      entries.find(({ event }) => event === intended) ?? entries.find(({ event }) => event.type === 'recant.attempt.observed.v1');
    if (first === undefined) return undefined;
    const transactions = observed.transactions();
    const isWhole = transactions.every((one) => one.complete);
    const word = this.#rulings.get(refKey(ref));
    const ruled = ruledStatus(status === 'open' && this.#revoked.has(refKey(ref)) ? 'unknown' : status, word);
    const { event } = first;
    const observedAgent = event.type === 'recant.attempt.observed.v1' ? event.data.agent : undefined;
    return {
      ref,
      entry: first.entry,
      agent: observedAgent ?? event.agent,
      tool: intended?.data.tool ?? 'transaction',
      status: ruled.status,
      ...(word && { ruledBy: word.by }),
      ...(ruled.contradicted && { contradicted: ruled.contradicted }),
      complete: settled === undefined && word !== undefined ? isWhole : complete,
      ...(transactions.length > 0 && isWhole && { witnessed: true as const }),
      reversibility: intended?.data.reversibility ?? 'reversible',
      intendedAtMs: Date.parse(event.time),
      receivedAtMs: first.receivedAtMs,
      sequence: Number(event.sequence),
      keyId: KEY,
      grade: seen > 0 ? 'attested' : 'claimed',
      registered: REGISTERED,
      ...(intended?.data.inverts && { inverts: intended.data.inverts }),
    };
  }
}

const isOfAttempt = (event: RecantEvent): event is AttemptEvent => event.type.startsWith('recant.attempt.');

function effectsIn(attempt: AttemptRef, { entry, event }: Entry): readonly RecordedEffect[] {
  if (event.type !== 'recant.attempt.effects.v1' && event.type !== 'recant.attempt.observed.v1') return [];
  const captured = event.type === 'recant.attempt.observed.v1';
  return effectsOfEvent(event).map((effect) => ({ ...effect, attempt, entry, ...(captured && { captured }) }));
}

function isSelected({ agents, actions, fromMs, runs }: Selection, { agent, ref, receivedAtMs, inverts }: RecordedAttempt): boolean {
  return (
    (agents?.includes(agent) ?? true) &&
    (actions?.includes(ref.action) ?? true) &&
    (runs === undefined || (inverts !== undefined && runs.includes(inverts.run))) &&
    receivedAtMs >= (fromMs ?? 0)
  );
}
