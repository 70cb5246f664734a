import { hash } from 'node:crypto';
import type { RecantEvent } from '@recant/events';

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
  key: Buffer;
}

/** Writes facts of events. Remembers the key of each source's last attempt, of which most events are: a hash costs a third of the rest. */
export class FactWriter {
  readonly #last = new Map<string, LastAttempt>();

  /** The fact without its place, into bytes that are zero. @param body the event's canonical bytes. */
  write(facts: Buffer, at: number, event: RecantEvent, body: Buffer): void {
    switch (event.type) {
      case 'recant.attempt.intended.v1':
        this.#attempt(facts, at, event.source, event.data, 1);
        return;
      case 'recant.attempt.effects.v1':
        this.#attempt(facts, at, event.source, event.data, 2);
        facts.writeUInt32BE(event.data.chunk, at + N_AT);
        facts.writeDoubleBE(event.data.effects.length, at + COUNT_AT);
        hash('sha256', effectsBytes(event, body), 'buffer').copy(facts, at + DIGEST_AT);
        return;
      case 'recant.attempt.settled.v1':
        this.#attempt(facts, at, event.source, event.data, 3);
        facts.writeDoubleBE(event.data.effects, at + COUNT_AT);
        facts.writeUInt32BE(event.data.chunks, at + CHUNKS_AT);
        facts.write(event.data.digest, at + DIGEST_AT, 'hex');
        return;
      default:
        keyOf(`${event.source}\n\n${event.id}`).copy(facts, at, 0, KEY_BYTES);
    }
  }

  #attempt(facts: Buffer, at: number, source: string, data: { readonly action: string; readonly attempt: number }, kind: number): void {
    const { action, attempt } = data;
    let last = this.#last.get(source);
    if (last === undefined || last.action !== action || last.attempt !== attempt) {
      // Neither an action nor a number holds a newline, so no other event's text is this one.
      last = { action, attempt, key: keyOf(`${source}\n${action}.${attempt}`) };
      if (this.#last.size >= SOURCES_MAX) this.#last.clear();
      this.#last.set(source, last);
    }
    last.key.copy(facts, at, 0, KEY_BYTES);
    facts[at + KIND_AT] = kind;
  }
}

export function writeRun(facts: Buffer, at: number, source: string, first: number, last: number): void {
  facts.fill(0, at, at + FACT_BYTES);
  keyOf(`${source}\n`).copy(facts, at, 0, KEY_BYTES);
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

const keyOf = (text: string): Buffer => hash('sha256', text, 'buffer');

const DATA = Buffer.from('"data":');
const AFTER_DATA = Buffer.from('},"id":');

/**
 * The canonical bytes of `effects`, cut out of the event's own: members are sorted, so they are the last of the data, and `id` follows the data.
 * No string holds these needles, since a quote in a string is escaped; and short ones are found without a table being built for them.
 */
function effectsBytes({ data }: Extract<RecantEvent, { type: 'recant.attempt.effects.v1' }>, bytes: Buffer): Buffer {
  const before = `{"action":"${data.action}","attempt":${data.attempt},"chunk":${data.chunk},"effects":`;
  return bytes.subarray(bytes.indexOf(DATA) + DATA.length + before.length, bytes.lastIndexOf(AFTER_DATA));
}
