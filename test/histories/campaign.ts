import type { Outcome } from './judge.ts';
import type { Place } from './place.ts';
import type { State } from './state.ts';

export interface CampaignOptions {
  /** Places, each with a service and a database of its own: most of the time of a history is spent waiting for the server. */
  readonly places: number;
  readonly openPlace: () => Promise<Place>;
  readonly state: State;
  /** In the order in which they are played. */
  readonly seeds: readonly number[];
  /** Checked before each history. */
  readonly goesOn: () => boolean;
  /** After each history. */
  readonly onOutcome: (state: State) => Promise<void>;
}

/** Plays the seeds that \`state\` has not, and counts there what came of them. */
export async function playAll({ places, openPlace, state, seeds, goesOn, onOutcome }: CampaignOptions): Promise<void> {
  const done = new Set(state.done);
  const left = seeds.filter((seed) => !done.has(seed));
  let writing = Promise.resolve();
  const work = async () => {
    if (left.length === 0) return;
    const place = await openPlace();
    try {
      for (let seed = goesOn() ? left.shift() : undefined; seed !== undefined; seed = goesOn() ? left.shift() : undefined) {
        for (const outcome of await place.judge(seed)) count(state, outcome);
        state.done.push(seed);
        writing = writing.then(() => onOutcome(state));
      }
    } finally {
      await place.close();
    }
  };
  await Promise.all(Array.from({ length: places }, work));
  await writing;
}

function count(state: State, { seed, kinds, mode, end, mismatches }: Outcome): void {
  for (const kind of kinds) {
    const cell = cellOf(kind, mode, end);
    state.counts[cell] = (state.counts[cell] ?? 0) + 1;
  }
  if (mismatches.length > 0) state.failures.push({ seed, text: `${mode}: ${mismatches.join('\n  ')}` });
}

export const cellOf = (kind: string, mode: string, end: string): string => `${kind} × ${mode} × ${end}`;
