import { type Warning, Warnings } from '../verdict.ts';
import { FactStore } from './fact-store.ts';
import { type BrokenEvent, type EventBatch, FactFinder } from './find.ts';
import { judgeGroup } from './judge.ts';
import { memoryScratch, type Scratch } from './scratch.ts';

export interface Looked {
  /** The batch's memory, which is the check's until then. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly broken?: BrokenEvent;
}

/** What only all events together tell. */
export interface Findings {
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Partial<Record<Warning['rule'], number>>>;
  /** The first event that is recorded again. */
  readonly duplicate?: BrokenEvent;
}

/** Looks at the events of one verification: at each by itself, then at all together. It may do so on another thread, beside the trees. */
export interface EventCheck {
  /** May be called again before it has answered, which it does in order; not after it found something broken. */
  look(batch: EventBatch): Promise<Looked>;
  /** Once, after the last batch. @param partial logs of which the beginning is not known. */
  finish(partial: ReadonlySet<number>): Promise<Findings>;
}

/** On this thread. @param scratch of this check alone, for what does not fit into memory. A compromise of it can hide a duplicate. */
export function createEventCheck(scratch: Scratch = memoryScratch()): EventCheck {
  const finder = new FactFinder();
  const store = new FactStore(scratch);
  let added = Promise.resolve();
  /** The store is asked for one thing at a time. */
  const add = (facts: Buffer): Promise<void> => {
    added = added.then(() => store.add(facts));
    return added;
  };
  return {
    async look(batch) {
      const { facts, broken } = finder.find(batch);
      await add(facts);
      return { bytes: batch.bytes, ...(broken === undefined ? {} : { broken }) };
    },
    async finish(partial) {
      await add(finder.rest());
      return await judgeAll(store, partial);
    },
  };
}

async function judgeAll(store: FactStore, partial: ReadonlySet<number>): Promise<Findings> {
  const warnings = new Warnings();
  let duplicate: BrokenEvent | undefined;
  await store.groups((facts, offsets) =>
    judgeGroup(facts, offsets, {
      partial,
      warn: (rule, { shard, index }, detail) => warnings.add({ rule, shard, index, detail }),
      duplicate: ({ shard, index }, first) => {
        const isFirst = duplicate === undefined || shard < duplicate.shard || (shard === duplicate.shard && index < duplicate.index);
        const detail = `the same event is entry ${first.index} of shard ${first.shard}`;
        if (isFirst) duplicate = { rule: 'key_duplicate', detail, shard, index };
      },
    }),
  );
  return { warnings: warnings.list(), warningCounts: warnings.counts, ...(duplicate === undefined ? {} : { duplicate }) };
}
