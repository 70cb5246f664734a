import { decodeEvent, glanceEvent } from '@recant/events';
import { FACT_BYTES, FactWriter } from './fact.ts';

/** Bodies of events, one after the other. */
export interface EventBatch {
  readonly bytes: Uint8Array;
  /** Where each body ends. */
  readonly ends: Uint32Array;
}

/** What was found in a batch, in its order. Where a body is no event, everything after it is left out. */
export interface Inspection {
  /** FACT_BYTES for each event, without its place. */
  readonly facts: Uint8Array;
  readonly sources: readonly string[];
  /** Of each event: which of `sources`, and its number there. */
  readonly sourceOf: Uint32Array;
  readonly sequences: Float64Array;
  /** Why the first body that is no event is none. */
  readonly invalid?: string;
}

/**
 * Looks at events one by one: a function of its batch alone, and the part of a verification that takes longest, so that it may run on another thread.
 * A promise keeps the batch's memory; without one it is used again at once.
 * A compromise of it can hide an event that is none, or that is there twice; roots do not pass through it.
 */
export type Inspector = (batch: EventBatch) => Inspection | Promise<Inspection>;

export function createInspector(): (batch: EventBatch) => Inspection {
  const writer = new FactWriter();
  return ({ bytes, ends }) => {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const facts = Buffer.alloc(ends.length * FACT_BYTES);
    const numbers = new Map<string, number>();
    const sourceOf = new Uint32Array(ends.length);
    const sequences = new Float64Array(ends.length);
    let n = 0;
    let invalid: string | undefined;
    for (let start = 0; n < ends.length; n += 1) {
      const own = body.subarray(start, ends[n]);
      start = ends[n] as number;
      const event = glanceEvent(own);
      if (event === undefined) {
        invalid = reasonOf(own);
        break;
      }
      writer.write(facts, n * FACT_BYTES, event);
      let number = numbers.get(event.source);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(event.source, number);
      }
      sourceOf[n] = number;
      sequences[n] = event.sequence;
    }
    const found = { facts: facts.subarray(0, n * FACT_BYTES), sources: [...numbers.keys()], sourceOf, sequences };
    return invalid === undefined ? found : { ...found, invalid };
  };
}

function reasonOf(body: Buffer): string {
  const decoded = decodeEvent(body);
  if (decoded.ok) throw new Error('an event was decoded that cannot be glanced at');
  return decoded.detail;
}
