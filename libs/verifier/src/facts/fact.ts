import { hash } from 'node:crypto';
import type { Glance } from '@recant/events';

/**
 * What has to be known of one event to compare it with all others, in a fixed number of bytes:
 * key 16 | kind 1 | n 4 | shard 2 | index 8 | count 8 | chunks 4 | digest 32.
 * The key is the first half of a SHA-256: of source and attempt for the events of an attempt, of source and id for any other, of the source for a run.
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

/** `run`: a stretch of numbers without a hole that one source gave, its first in `count`, its last in the digest's place. */
export const FACT_KINDS = ['other', 'intended', 'effects', 'settled', 'run'] as const;
export type FactKind = (typeof FACT_KINDS)[number];

export interface Fact {
  readonly kind: FactKind;
  /** Chunk. */
  readonly n: number;
  readonly shard: number;
  readonly index: bigint;
  /** Effects of a chunk, or that a settlement counts; first number of a run. */
  readonly count: number;
  /** Chunks that a settlement counts. */
  readonly chunks: number;
  readonly digest: Buffer;
}

/** Sources whose last attempt is remembered. */
const SOURCES_MAX = 4_096;

interface LastAttempt {
  action: string;
  attempt: number;
  key: string;
}

/** Writes facts of events. Remembers the key of each source's last attempt, of which most events are: a hash costs a third of the rest. */
export class FactWriter {
  readonly #last = new Map<string, LastAttempt>();

  /** The fact without its place, into bytes that are zero. */
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
      default:
        writeKey(facts, at, keyOf(`${event.source}\n\n${event.id}`));
    }
  }

  #attempt(facts: Buffer, at: number, { source, action, attempt }: Exclude<Glance, { kind: 'other' }>, kind: number): void {
    let last = this.#last.get(source);
    if (last === undefined || last.action !== action || last.attempt !== attempt) {
      // Neither an action nor a number holds a newline, so no other event's text is this one.
      last = { action, attempt, key: keyOf(`${source}\n${action}.${attempt}`) };
      if (this.#last.size >= SOURCES_MAX) this.#last.clear();
      this.#last.set(source, last);
    }
    writeKey(facts, at, last.key);
    facts[at + KIND_AT] = kind;
  }
}

export function writeRun(facts: Buffer, at: number, source: string, first: number, last: number): void {
  facts.fill(0, at, at + FACT_BYTES);
  writeKey(facts, at, keyOf(`${source}\n`));
  facts[at + KIND_AT] = 4;
  facts.writeDoubleBE(first, at + COUNT_AT);
  facts.writeDoubleBE(last, at + DIGEST_AT);
}

export function writePlace(facts: Buffer, at: number, shard: number, index: bigint): void {
  facts.writeUInt16BE(shard, at + SHARD_AT);
  // Two halves: a BigInt written at once costs as much as a hash of it would (Node 24, 2026-11).
  const low = Number(index & 0xffff_ffffn);
  facts.writeUInt32BE(index === BigInt(low) ? 0 : Number(index >> 32n), at + INDEX_AT);
  facts.writeUInt32BE(low, at + INDEX_AT + 4);
}

export function readFact(facts: Buffer, at: number): Fact {
  return {
    kind: FACT_KINDS[facts[at + KIND_AT] as number] as FactKind,
    n: facts.readUInt32BE(at + N_AT),
    shard: facts.readUInt16BE(at + SHARD_AT),
    index: facts.readBigUInt64BE(at + INDEX_AT),
    count: facts.readDoubleBE(at + COUNT_AT),
    chunks: facts.readUInt32BE(at + CHUNKS_AT),
    digest: facts.subarray(at + DIGEST_AT, at + FACT_BYTES),
  };
}

/** Facts of one key: by kind, n and place. They share their first 16 bytes, so the bytes up to the place's end order them. */
export function compareFacts(facts: Buffer, a: number, b: number): number {
  return facts.compare(facts, b + KIND_AT, b + COUNT_AT, a + KIND_AT, a + COUNT_AT);
}

/** What a glance needs, without an object for each fact. */
export const kindAt = (facts: Buffer, at: number): FactKind => FACT_KINDS[facts[at + KIND_AT] as number] as FactKind;
export const shardAt = (facts: Buffer, at: number): number => facts.readUInt16BE(at + SHARD_AT);

/** Whether two facts of one key are of one event. */
export const isSameEvent = (facts: Buffer, a: number, b: number): boolean =>
  facts[a + KIND_AT] === facts[b + KIND_AT] && facts.readUInt32BE(a + N_AT) === facts.readUInt32BE(b + N_AT);

export const runLast = ({ digest }: Fact): number => digest.readDoubleBE(0);

/** Bytes as characters: what costs least to hash, keep and write. */
const keyOf = (text: string): string => hash('sha256', text, 'binary');

function writeKey(facts: Buffer, at: number, key: string): void {
  facts.write(key, at, KEY_BYTES, 'latin1');
}
