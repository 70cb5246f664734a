import { type AttemptFold, type AttemptState, createAttemptFold } from '../src/index.ts';

export type AttemptEntry = Parameters<AttemptFold['add']>[0];

/** State of an attempt with these entries, in any order. */
export function stateOf(entries: readonly AttemptEntry[], nowMs: number): AttemptState {
  const fold = createAttemptFold();
  const inOrder = entries.toSorted(
    ({ entry: a }, { entry: b }) => a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0),
  );
  for (const one of inOrder) fold.add(one);
  return fold.state(nowMs);
}
