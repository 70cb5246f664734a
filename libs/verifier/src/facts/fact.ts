import { hash } from 'node:crypto';
import type { Glance } from '@recant/events';

/**
 * What one event contributes to the checks across events, in a fixed number of bytes:
 * key 16 | kind 1 | n 4 | shard 2 | index 8 | count 8 | chunks 4 | digest 32.
 * The key is the first half of a SHA-256: of source and attempt for the events of an attempt, of source, attempt and transaction for an observed event, of source and id for any other event, of the source
 * for a range of sequence numbers.
 */
export const FACT_BYTES = 75;
export const KEY_BYTES = 16;

const KIND_AT = 16;
const N_AT = 17;
const SHARD_AT = 21;
const INDEX_AT = 23;
const COUNT_AT = 31;
const CHUNKS_AT = 39;
const DIGEST_AT = 43;

/**
 * `range`: gap-free sequence numbers of one source; the first is in `count`, the last in the bytes of the digest. `observed`: a chunk of what a target
 * recorded of one transaction.
 */
export const FACT_KINDS = ['other', 'intended', 'effects', 'settled', 'range', 'observed'] as const;
export type FactKind = (typeof FACT_KINDS)[number];

/** `count`: number of effects, or the first number of a range. */
export interface Fact {
  readonly shard: number;
  readonly index: bigint;
  readonly count: number;
  readonly digest: Buffer;
}

/** Sources whose last attempt is cached. */
const SOURCES_MAX = 4_096;

interface LastAttempt {
  action: string;
  attempt: number;
  key: string;
}

/** Writes facts of events. Caches the key of each source's last attempt, because most events belong to it and a hash costs a third of a fact. */
export class FactWriter {
  readonly #last = new Map<string, LastAttempt>();

  /** Writes the fact without its place; the bytes must be zero. */
  write(facts: Buffer, at: number, event: Glance): void {
    switch (event.kind) {
      case 'intended':
        this.#attempt(facts, at, event, 1);
        return;
      case 'effects':
        this.#attempt(facts, at, event, 2);
        facts.writeUInt32BE(event.chunk, at + N_AT);
        facts.writeDoubleBE(event.effects, at + COUNT_AT);
        facts.write(hash('sha256', event.list, 'binary'), at + DIGEST_AT, 'latin1');
        return;
      case 'settled':
        this.#attempt(facts, at, event, 3);
        facts.writeDoubleBE(event.effects, at + COUNT_AT);
        facts.writeUInt32BE(event.chunks, at + CHUNKS_AT);
        facts.write(event.digest, at + DIGEST_AT, 'hex');
        return;
      case 'observed': {
        const { source, action, attempt, system, transaction, chunk, chunks } = event;
        writeKey(facts, at, keyOf(`${source}\n\n${action}.${attempt}.observed.${system}.${transaction}`));
        facts[at + KIND_AT] = 5;
        facts.writeUInt32BE(chunk, at + N_AT);
        facts.writeUInt32BE(chunks, at + CHUNKS_AT);
        return;
      }
      default:
        writeKey(facts, at, keyOf(`${event.source}\n\n${event.id}`));
    }
  }

  #attempt(facts: Buffer, at: number, { source, action, attempt }: Exclude<Glance, { kind: 'other' | 'observed' }>, kind: number): void {
    let last = this.#last.get(source);
    if (last === undefined || last.action !== action || last.attempt !== attempt) {
      // Actions and numbers contain no newline, so each attempt has its own text.
      last = { action, attempt, key: keyOf(`${source}\n${action}.${attempt}`) };
      if (this.#last.size >= SOURCES_MAX) this.#last.clear();
      this.#last.set(source, last);
    }
    writeKey(facts, at, last.key);
    facts[at + KIND_AT] = kind;
  }
}

export function writeRange(facts: Buffer, at: number, source: string, first: number, last: number): void {
  facts.fill(0, at, at + FACT_BYTES);
  writeKey(facts, at, keyOf(`${source}\n`));
  facts[at + KIND_AT] = 4;
  facts.writeDoubleBE(first, at + COUNT_AT);
  facts.writeDoubleBE(last, at + DIGEST_AT);
}

export function writePlace(facts: Buffer, at: number, shard: number, index: number): void {
  facts.writeUInt16BE(shard, at + SHARD_AT);
  facts.writeUInt32BE(Math.floor(index / 2 ** 32), at + INDEX_AT);
  facts.writeUInt32BE(index % 2 ** 32, at + INDEX_AT + 4);
}

export function readFact(facts: Buffer, at: number): Fact {
  return {
    shard: shardAt(facts, at),
    index: facts.readBigUInt64BE(at + INDEX_AT),
    count: countAt(facts, at),
    digest: digestAt(facts, at),
  };
}

/** Orders by key, kind, n and place: the leading bytes. A loop, because most facts differ early and a call to Buffer.compare costs more (2026-11). */
export function compareFacts(facts: Buffer, a: number, b: number): number {
  return compareBytes(facts, a, b, COUNT_AT);
}

export function isSameKey(facts: Buffer, a: number, b: number): boolean {
  return compareBytes(facts, a, b, KEY_BYTES) === 0;
}

function compareBytes(facts: Buffer, a: number, b: number, length: number): number {
  for (let at = 0; at < length; at += 1) {
    const difference = (facts[a + at] as number) - (facts[b + at] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Single fields, without an object per fact. */
export const kindAt = (facts: Buffer, at: number): FactKind => FACT_KINDS[facts[at + KIND_AT] as number] as FactKind;
export const chunkAt = (facts: Buffer, at: number): number => facts.readUInt32BE(at + N_AT);
export const shardAt = (facts: Buffer, at: number): number => facts.readUInt16BE(at + SHARD_AT);
export const countAt = (facts: Buffer, at: number): number => facts.readDoubleBE(at + COUNT_AT);
export const chunksAt = (facts: Buffer, at: number): number => facts.readUInt32BE(at + CHUNKS_AT);
export const digestAt = (facts: Buffer, at: number): Buffer => facts.subarray(at + DIGEST_AT, at + FACT_BYTES);

/** Whether two facts of one key belong to the same event. */
export const isSameEvent = (facts: Buffer, a: number, b: number): boolean =>
  kindAt(facts, a) === kindAt(facts, b) && chunkAt(facts, a) === chunkAt(facts, b);

export const rangeLast = ({ digest }: Fact): number => digest.readDoubleBE(0);

/** Bytes as latin1 characters: the cheapest form to hash, cache and write. */
const keyOf = (text: string): string => hash('sha256', text, 'binary');

function writeKey(facts: Buffer, at: number, key: string): void {
  facts.write(key, at, KEY_BYTES, 'latin1');
}
