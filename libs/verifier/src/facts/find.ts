import { decodeEvent, glanceEvent, shardOf } from '@recant/events';
import type { Rule } from '../rules.ts';
import { FACT_BYTES, FactWriter, writePlace } from './fact.ts';
import { SourceRuns } from './sources.ts';

/** Bodies of events of one log, one after the other, in the log's order. */
export interface EventBatch {
  readonly tenant: string;
  readonly shard: number;
  readonly shards: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each event: where its body ends, and its entry's index. */
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
  /** Of all events, or of none where one is broken. */
  readonly facts: Buffer;
  /** The first event that breaks a rule by itself. */
  readonly broken?: BrokenEvent;
}

/**
 * Looks at events one by one, and finds what has to be known of them to compare each with all others. A compromise of
 * it can hide an event that is none; roots do not pass through it.
 */
export class FactFinder {
  readonly #writer = new FactWriter();
  readonly #runs = new SourceRuns();

  find(batch: EventBatch): Found {
    const { bytes, ends } = batch;
    const bodies = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const facts = Buffer.alloc(ends.length * FACT_BYTES);
    let start = 0;
    for (let n = 0; n < ends.length; n += 1) {
      const end = ends[n] as number;
      const broken = this.#lookAt(bodies.subarray(start, end), batch, n, facts);
      if (broken !== undefined) return { facts: Buffer.alloc(0), broken };
      start = end;
    }
    const runs = this.#runs.take();
    return { facts: runs.length === 0 ? facts : Buffer.concat([facts, ...runs]) };
  }

  /** Facts that only the end tells, and those that are left. */
  rest(): Buffer {
    return Buffer.concat(this.#runs.finish());
  }

  #lookAt(body: Buffer, { tenant, shard, shards, indexes }: EventBatch, n: number, facts: Buffer): BrokenEvent | undefined {
    const index = indexes[n] as number;
    const event = glanceEvent(body);
    if (event === undefined) return { rule: 'event_invalid', detail: reasonOf(body), shard, index: BigInt(index) };
    const at = n * FACT_BYTES;
    this.#writer.write(facts, at, event);
    writePlace(facts, at, shard, index);
    const { source, sequence } = event;
    const isNew = this.#runs.add(source, sequence, shard, index);
    if (!isNew || shardOf(tenant, source, shards) === shard) return undefined;
    return { rule: 'shard_mismatch', detail: `${JSON.stringify(source)} has another home shard`, shard, index: BigInt(index) };
  }
}

function reasonOf(body: Buffer): string {
  const decoded = decodeEvent(body);
  if (decoded.ok) throw new Error('an event was decoded that cannot be glanced at');
  return decoded.detail;
}
