/**
 * Storage for facts beyond the memory limit: partitions are appended to, then read once. Private to one verification; need not be durable.
 * A compromised scratch can hide or invent a duplicate or a warning; it cannot affect roots.
 */
export interface Scratch {
  append(partition: number, bytes: Uint8Array): Promise<void>;
  /** All bytes appended to the partition, in order. */
  read(partition: number): Promise<Buffer>;
}

/** Scratch in memory, for small ledgers and tests. */
export function memoryScratch(): Scratch {
  const partitions = new Map<number, Buffer[]>();
  return {
    async append(partition, bytes) {
      const parts = partitions.get(partition) ?? [];
      parts.push(Buffer.from(bytes));
      partitions.set(partition, parts);
    },
    async read(partition) {
      return Buffer.concat(partitions.get(partition) ?? []);
    },
  };
}
