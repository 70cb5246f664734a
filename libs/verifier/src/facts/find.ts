import { decodeEvent, glanceEvent, shardOf } from '@recant/events';
import type { Rule } from '../rules.ts';
import { FACT_BYTES, FactWriter, writePlace } from './fact.ts';
import { SequenceRanges } from './sequence-ranges.ts';

/** Concatenated bodies of events of one log, in log order. */
export interface EventBatch {
  readonly tenant: string;
  readonly shard: number;
  readonly shards: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Per event: the end of its body in `bytes`, and the index of its entry. */
  readonly ends: Uint32Array;
  readonly indexes: Float64Array;
}

export interface BrokenEvent {
  readonly rule: Rule;
  readonly detail: string;
  readonly shard: number;
  readonly index: bigint;
}

export interface Found {
  /** Facts of all events; empty where one is broken. */
  readonly facts: Buffer;
  /** The first event that breaks a rule. */
  readonly broken?: BrokenEvent;
}

/**
 * Checks events one by one and writes the facts for the checks across events. A compromised finder can hide an invalid event; it cannot
 * affect roots.
 */
export class FactFinder {
  readonly #writer = new FactWriter();
  readonly #ranges = new SequenceRanges();

  find(batch: EventBatch): Found {
    const { bytes, ends } = batch;
    const bodies = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const facts = Buffer.alloc(ends.length * FACT_BYTES);
    let start = 0;
    for (let n = 0; n < ends.length; n += 1) {
      const end = ends[n] as number;
      const broken = this.#check(bodies.subarray(start, end), batch, n, facts);
      if (broken !== undefined) return { facts: Buffer.alloc(0), broken };
      start = end;
    }
    const ranges = this.#ranges.take();
    return { facts: ranges.length === 0 ? facts : Buffer.concat([facts, ...ranges]) };
  }

  /** Facts of the ranges that are still open. */
  rest(): Buffer {
    return Buffer.concat(this.#ranges.finish());
  }

  #check(body: Buffer, { tenant, shard, shards, indexes }: EventBatch, n: number, facts: Buffer): BrokenEvent | undefined {
    const index = indexes[n] as number;
    const event = glanceEvent(body);
    if (event === undefined) return { rule: 'event_invalid', detail: reasonOf(body), shard, index: BigInt(index) };
    const at = n * FACT_BYTES;
    this.#writer.write(facts, at, event);
    writePlace(facts, at, shard, index);
    const { source, sequence } = event;
    const isNew = this.#ranges.add(source, sequence, shard, index);
    if (!isNew) return undefined;
    const home = shardOf(tenant, source, shards);
    if (home === shard) return undefined;
    return { rule: 'shard_mismatch', detail: `${JSON.stringify(source)} belongs to shard ${home}`, shard, index: BigInt(index) };
  }
}

function reasonOf(body: Buffer): string {
  const decoded = decodeEvent(body);
  if (decoded.ok) throw new Error('glanceEvent refused an event that decodeEvent accepts');
  return decoded.detail;
}
