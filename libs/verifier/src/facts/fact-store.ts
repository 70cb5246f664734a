import { compareFacts, FACT_BYTES, isSameKey } from './fact.ts';
import type { Scratch } from './scratch.ts';

/** Facts in memory before the store writes to scratch: 19.7 MB. */
const FACTS_IN_MEMORY_MAX = 262_144;
/** Partitions by the first bits of a key. 10^9 events make partitions of 150 MB each. */
const PARTITIONS = 512;
/** Buffer of one partition: 8 MB for all. */
const PARTITION_BUFFER_BYTES = Math.floor(16_384 / FACT_BYTES) * FACT_BYTES;

/**
 * Groups facts by key: a join over all logs in constant memory. Facts beyond the limit are partitioned by key into scratch space, and each
 * partition is grouped alone.
 */
export class FactStore {
  readonly #scratch: Scratch;
  #memory: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #partitions: { buffer: Buffer; bytes: number }[] | undefined;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** @param facts whole facts */
  async add(facts: Buffer): Promise<void> {
    if (this.#partitions === undefined && this.#bytes + facts.length > FACTS_IN_MEMORY_MAX * FACT_BYTES) await this.#spill();
    if (this.#partitions !== undefined) return this.#partition(facts);
    if (this.#bytes + facts.length > this.#memory.length) {
      const grown = Buffer.allocUnsafe(Math.min(FACTS_IN_MEMORY_MAX * FACT_BYTES, Math.max(65_536, 2 * (this.#bytes + facts.length))));
      this.#memory.copy(grown, 0, 0, this.#bytes);
      this.#memory = grown;
    }
    facts.copy(this.#memory, this.#bytes);
    this.#bytes += facts.length;
  }

  /** Calls `use` for each key with its facts, ordered by kind, n and place, as offsets into the bytes. */
  async groups(use: (facts: Buffer, offsets: readonly number[]) => void): Promise<void> {
    if (this.#partitions === undefined) return groupsOf(this.#memory.subarray(0, this.#bytes), use);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await this.#flush(partition);
      groupsOf(await this.#scratch.read(partition), use);
    }
  }

  async #spill(): Promise<void> {
    this.#partitions = Array.from({ length: PARTITIONS }, () => ({ buffer: Buffer.allocUnsafe(PARTITION_BUFFER_BYTES), bytes: 0 }));
    await this.#partition(this.#memory.subarray(0, this.#bytes));
    this.#memory = Buffer.alloc(0);
    this.#bytes = 0;
  }

  async #partition(facts: Buffer): Promise<void> {
    for (let at = 0; at < facts.length; at += FACT_BYTES) {
      const partition = facts.readUInt16BE(at) % PARTITIONS;
      const part = this.#partitions?.[partition] as { buffer: Buffer; bytes: number };
      facts.copy(part.buffer, part.bytes, at, at + FACT_BYTES);
      part.bytes += FACT_BYTES;
      if (part.bytes === PARTITION_BUFFER_BYTES) await this.#flush(partition);
    }
  }

  async #flush(partition: number): Promise<void> {
    const part = this.#partitions?.[partition] as { buffer: Buffer; bytes: number };
    if (part.bytes > 0) await this.#scratch.append(partition, part.buffer.subarray(0, part.bytes));
    part.bytes = 0;
  }
}

function groupsOf(facts: Buffer, use: (facts: Buffer, offsets: readonly number[]) => void): void {
  const count = facts.length / FACT_BYTES;
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, 2 * count)))).fill(-1);
  const next = new Int32Array(count);
  for (let fact = count - 1; fact >= 0; fact -= 1) {
    const slot = facts.readUInt32BE(fact * FACT_BYTES + 4) & (slots.length - 1);
    next[fact] = slots[slot] as number;
    slots[slot] = fact;
  }
  for (const head of slots) {
    if (head === -1) continue;
    if (next[head] === -1) {
      use(facts, [head * FACT_BYTES]);
      continue;
    }
    const chain: number[] = [];
    for (let fact = head; fact !== -1; fact = next[fact] as number) chain.push(fact * FACT_BYTES);
    useChain(facts, chain, use);
  }
}

/** A chain contains the facts of one key, rarely of several. */
function useChain(facts: Buffer, chain: number[], use: (facts: Buffer, offsets: readonly number[]) => void): void {
  chain.sort((a, b) => compareFacts(facts, a, b));
  let group: number[] = [];
  for (const at of chain) {
    const first = group[0];
    if (first !== undefined && !isSameKey(facts, first, at)) {
      use(facts, group);
      group = [];
    }
    group.push(at);
  }
  use(facts, group);
}
