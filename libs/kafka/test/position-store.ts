import type { ConsumerOptions, MessageBatch, StoredPosition } from '@recant/kafka';

/** Positions and what was taken, in memory, with the store's rule: a batch counts only from the stored position. */
export class PositionStore {
  readonly taken: string[] = [];
  readonly batches: MessageBatch[] = [];
  /** While set, everything rejects, as a database that is down does. */
  away = false;
  refusals = 0;
  readonly #positions = new Map<number, StoredPosition>();

  port(): Pick<ConsumerOptions, 'readPosition' | 'adoptPosition' | 'take'> {
    return {
      readPosition: async (_topic, partition) => {
        this.#check();
        return this.#positions.get(partition);
      },
      adoptPosition: async (_topic, partition, position) => {
        this.#check();
        if (!this.#positions.has(partition)) this.#positions.set(partition, position);
      },
      take: async (batch) => {
        this.#check();
        const stored = this.#positions.get(batch.partition);
        if (stored?.next !== batch.from || stored.cluster !== batch.cluster) return 'moved';
        this.#positions.set(batch.partition, { cluster: batch.cluster, next: batch.next });
        this.batches.push(batch);
        this.taken.push(...batch.messages.map((message) => `${batch.partition}:${Buffer.from(message.value).toString()}`));
        return 'taken';
      },
    };
  }

  set(partition: number, position: StoredPosition): void {
    this.#positions.set(partition, position);
  }

  next(partition: number): bigint | undefined {
    return this.#positions.get(partition)?.next;
  }

  of(partition: number): string[] {
    return this.taken.filter((each) => each.startsWith(`${partition}:`)).map((each) => each.slice(`${partition}:`.length));
  }

  #check(): void {
    if (!this.away) return;
    this.refusals += 1;
    throw new Error('the store is away');
  }
}
