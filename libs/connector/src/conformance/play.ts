import type { AttemptRef, Effect } from '@recant/events';
import type { Capture } from '../capturing.ts';
import type { InverseBatch, InverseResult, InverseStep, TargetSystem } from '../target.ts';
import type { ConformanceWorld, WorldOp } from './subject.ts';

/** An attempt as the ledger would record it. */
export interface PlayedAttempt {
  readonly ref: AttemptRef;
  readonly before: Capture['before'];
  readonly effects: readonly Effect[];
}

export const INITIAL: Readonly<Record<string, string>> = { a: '1', b: '2', c: '3' };

/** Names for attempts and runs, unique within one world. */
export function createNames() {
  let last = 0;
  const uuid = () => `018f0000-0000-7000-8000-${String(++last).padStart(12, '0')}`;
  return {
    attempt: (agent: string): AttemptRef => ({ source: `recant://${agent}/1`, action: uuid(), attempt: 1 }),
    run: (): string => uuid(),
  };
}
export type Names = ReturnType<typeof createNames>;

/** Executes one attempt from capture to settlement. */
export async function play(
  world: ConformanceWorld,
  ref: AttemptRef,
  ops: readonly WorldOp[],
  declared: readonly string[] = [],
): Promise<PlayedAttempt> {
  const capture = await world.capturing.capture(ref, declared);
  try {
    await world.perform(capture.handle, ops);
    return { ref, before: capture.before, effects: await effectsOf(world, ref, capture) };
  } finally {
    await capture.release();
  }
}

/** Settles the attempt. An agent has nothing to report on a target that captures by itself. */
export async function effectsOf(world: ConformanceWorld, ref: AttemptRef, capture: Pick<Capture, 'settle'>): Promise<readonly Effect[]> {
  const settled = await collect(capture.settle());
  if (world.drained === undefined) return settled;
  if (settled.length > 0) throw new Error(`expected the target's word alone, got ${settled.length} effects from the agent's side`);
  return world.drained(ref);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Highest ordinal of each resource, as known to a plan over exactly these attempts. */
export function knownOrdinals(attempts: readonly PlayedAttempt[]): Record<string, string> {
  const known: Record<string, string> = {};
  for (const { resource, ordinal } of attempts.flatMap((attempt) => attempt.effects)) {
    const seen = known[resource];
    if (seen === undefined || BigInt(ordinal) > BigInt(seen)) known[resource] = ordinal;
  }
  return known;
}

/** A batch that undoes these attempts in order, under a plan that knows them and `knowsToo`. */
export function batchOf(
  names: Names,
  run: string,
  undone: readonly PlayedAttempt[],
  options: { token?: string; firstStep?: number; knowsToo?: readonly PlayedAttempt[] } = {},
): InverseBatch {
  const known = knownOrdinals([...undone, ...(options.knowsToo ?? [])]);
  const steps = undone.map((attempt, at): InverseStep => {
    const touched = new Set(attempt.effects.map((effect) => effect.resource));
    return {
      step: (options.firstStep ?? 1) + at,
      attempt: names.attempt('recant'),
      undoes: attempt.ref,
      effects: attempt.effects,
      knownOrdinals: Object.fromEntries(Object.entries(known).filter(([resource]) => touched.has(resource))),
    };
  });
  return { run, token: options.token ?? '1', steps };
}

export async function invertOne(target: TargetSystem, batch: InverseBatch): Promise<InverseResult> {
  const results = await target.invert(batch);
  const [result] = results;
  if (results.length !== 1 || result === undefined) throw new Error(`expected 1 result, got ${results.length}`);
  return result;
}

/** The result after storing and reading it: what a second call must return. */
export const plain = (result: InverseResult): unknown => JSON.parse(JSON.stringify(result));
