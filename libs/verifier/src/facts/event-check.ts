import { type Warning, Warnings } from '../verdict.ts';
import { checkGroup } from './check-group.ts';
import { FactStore } from './fact-store.ts';
import { type BrokenEvent, type EventBatch, FactFinder } from './find.ts';
import { memoryScratch, type Scratch } from './scratch.ts';

export interface BatchResult {
  /** The batch's memory, returned for reuse; the check owns it until then. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly broken?: BrokenEvent;
}

/** Findings that need all events. */
export interface Findings {
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Partial<Record<Warning['rule'], number>>>;
  /** The first duplicate by place. */
  readonly duplicate?: BrokenEvent;
}

/** Checks the events of one verification: each alone, then all together. May run on another thread. */
export interface EventCheck {
  /** Results come in call order; a further call need not wait for them. Not called again after a broken event. */
  checkBatch(batch: EventBatch): Promise<BatchResult>;
  /** Called once, after the last batch. @param partial shards whose log does not start at its first entry. */
  finish(partial: ReadonlySet<number>): Promise<Findings>;
}

/** A check on the calling thread. @param scratch used by this check alone, for facts beyond the memory limit. */
export function createEventCheck(scratch: Scratch = memoryScratch()): EventCheck {
  const finder = new FactFinder();
  const store = new FactStore(scratch);
  let added = Promise.resolve();
  /** The store does one operation at a time. */
  const add = (facts: Buffer): Promise<void> => {
    added = added.then(() => store.add(facts));
    return added;
  };
  return {
    async checkBatch(batch) {
      const { facts, broken } = finder.find(batch);
      await add(facts);
      return { bytes: batch.bytes, ...(broken === undefined ? {} : { broken }) };
    },
    async finish(partial) {
      await add(finder.rest());
      return await checkAll(store, partial);
    },
  };
}

async function checkAll(store: FactStore, partial: ReadonlySet<number>): Promise<Findings> {
  const warnings = new Warnings();
  let duplicate: BrokenEvent | undefined;
  await store.groups((facts, offsets) =>
    checkGroup(facts, offsets, {
      partial,
      warn: (rule, { shard, index }, detail) => warnings.add({ rule, shard, index, detail }),
      duplicate: ({ shard, index }, first) => {
        const isFirst = duplicate === undefined || shard < duplicate.shard || (shard === duplicate.shard && index < duplicate.index);
        const detail = `entry ${first.index} of shard ${first.shard} is the same event`;
        if (isFirst) duplicate = { rule: 'key_duplicate', detail, shard, index };
      },
    }),
  );
  return { warnings: warnings.list(), warningCounts: warnings.counts, ...(duplicate === undefined ? {} : { duplicate }) };
}
