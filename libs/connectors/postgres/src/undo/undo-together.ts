import type { InverseResult, InverseStep } from '@recant/connector';
import { chooseSet, type LoneTables, type PlacedGoal, SET_STEPS_MAX } from './choose-set.ts';
import { readRowsExpecting } from './expected-rows.ts';
import type { StepGoal } from './goal.ts';
import type { Versions } from './live.ts';
import { readRows } from './rows.ts';
import { refusalOf, type StepContext, undoStep } from './step.ts';
import { type SetRefusal, undoSet } from './undo-set.ts';

export interface TogetherOptions {
  /** Tables that are found to need steps by themselves are added. */
  readonly lone: LoneTables;
  /** On the monotonic clock, in milliseconds: nothing but the first step or set begins after it. */
  readonly until: number;
}

/**
 * Undoes steps whose rows are locked, in order: as many as possible together. What is refused together is tried in halves, down to the one step, which is then undone by
 * itself and gets its own result; the sets grow again behind it.
 */
export async function undoTogether(
  context: StepContext,
  goals: ReadonlyMap<InverseStep, StepGoal>,
  { lone, until }: TogetherOptions,
  put: (result: InverseResult) => void,
): Promise<void> {
  const open: PlacedGoal[] = [...goals];
  const live = await readRowsExpecting(context.client, context.registry, [...goals.values()], 'left');
  let [at, stepsMax] = [0, SET_STEPS_MAX];
  while (at < open.length && (at === 0 || performance.now() < until)) {
    const set = chooseSet(context, open, at, live, { lone, stepsMax });
    const { length } = set.chosen;
    const done = length === 0 ? undefined : await undoSet(context, set);
    if (done !== undefined && !('refused' in done)) {
      done.forEach(put);
      for (const [resource, versions] of set.after) replace(live, resource, versions);
      at += length;
      stepsMax = Math.min(SET_STEPS_MAX, length * 2);
    } else if (length > 1) stepsMax = smaller(length, done);
    else {
      put(await undoAlone(context, open[at] as PlacedGoal, done, lone));
      await refresh(context, (open[at] as PlacedGoal)[1], live);
      at += 1;
    }
  }
}

/** A set that takes too long costs its limit each time. */
const smaller = (length: number, done: SetRefusal | undefined): number => Math.max(1, length >> (done?.refused === 'timeout' ? 3 : 1));

/** @param refusal of the set with this step only; undefined: it is not for sets */
async function undoAlone(
  context: StepContext,
  [step, goal]: PlacedGoal,
  refusal: SetRefusal | undefined,
  lone: LoneTables,
): Promise<InverseResult> {
  // It has waited for the same lock just now.
  if (refusal?.refused === 'locked') return refusalOf(step, refusal.error);
  const result = await undoStep(context, step, goal);
  if (refusal?.refused === 'capture' && result.outcome === 'restored')
    for (const { captured } of goal.rows.values()) lone.add(captured.relation);
  return result;
}

function replace(live: Map<string, Versions>, resource: string, versions: Versions | undefined): void {
  if (versions === undefined) live.delete(resource);
  else live.set(resource, versions);
}

async function refresh({ client }: StepContext, goal: StepGoal, live: Map<string, Versions>): Promise<void> {
  const found = await readRows(client, [...goal.rows.values()]);
  for (const resource of goal.rows.keys()) {
    const versions = found.get(resource);
    // Other steps have other parts of the row.
    replace(live, resource, versions && new Map([...(live.get(resource) ?? []), ...versions]));
  }
}
