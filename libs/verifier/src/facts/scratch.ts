/**
 * Room for bytes that do not fit into memory: partitions that are appended to, then read once. Private to one verification.
 * Need not be durable. A compromise of it can hide a duplicate or invent one, nothing else: roots do not pass through it.
 */
export interface Scratch {
  append(partition: number, bytes: Uint8Array): Promise<void>;
  /** Everything appended to it, in order. */
  read(partition: number): Promise<Buffer>;
}

/** For what is known to be small, and for tests. */
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
