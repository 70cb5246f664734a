import type { ConsumerOptions, MessageBatch, StoredPosition } from '@recant/kafka';

/** In-memory positions and appended messages, with the store's rule: a batch is accepted only from the stored position. */
export class PositionStore {
  readonly taken: string[] = [];
  readonly batches: MessageBatch[] = [];
  /** While set, every call rejects, as with a database that is down. */
  away = false;
  refusals = 0;
  readonly #positions = new Map<number, StoredPosition>();

  port(): Pick<ConsumerOptions, 'readPosition' | 'adoptPosition' | 'append'> {
    return {
      readPosition: async (_topic, partition) => {
        this.#check();
        return this.#positions.get(partition);
      },
      adoptPosition: async (_topic, partition, position) => {
        this.#check();
        if (!this.#positions.has(partition)) this.#positions.set(partition, position);
      },
      append: async (batch) => {
        this.#check();
        const stored = this.#positions.get(batch.partition);
        if (stored?.next !== batch.from || stored.cluster !== batch.cluster) return 'moved';
        this.#positions.set(batch.partition, { cluster: batch.cluster, next: batch.next });
        this.batches.push(batch);
        this.taken.push(...batch.messages.map((message) => `${batch.partition}:${Buffer.from(message.value).toString()}`));
        return 'appended';
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
    throw new Error('store unavailable');
  }
}
