import { CASES, partOf, Trial } from './campaign.ts';
import type { Judges } from './judge.ts';
import type { Outcome } from './outcome.ts';
import { EDITS_PART, editBytes, makeSound, SOUND_PART } from './random.ts';

export const SIZES: readonly number[] = [1, 2, 255, 256, 257, 70_000];
const EDITS = 10_000;
const SOUND = 1_000;
/** Rounds of edits, and rounds of sound ledgers. */
const ROUNDS = 50;

/** A unit of work: a case at a size, some edits of one byte, or some sound ledgers. */
type Round = { readonly size: number; readonly n: number } | { readonly edits: number } | { readonly sound: number };

const ROUNDS_OF_ALL: readonly Round[] = [
  ...SIZES.flatMap((size) => [...CASES.keys()].filter((n) => hasRoom(size, n)).map((n) => ({ size, n }))),
  ...Array.from({ length: ROUNDS }, (_, edits) => ({ edits })),
  ...Array.from({ length: ROUNDS }, (_, sound) => ({ sound })),
];

/** Number of bundles of each part of the campaign. */
export const PARTS: ReadonlyMap<string, number> = new Map([
  ...SIZES.map((size): [string, number] => [partOf(size), [...CASES.keys()].filter((n) => hasRoom(size, n)).length]),
  [EDITS_PART, EDITS],
  [SOUND_PART, SOUND],
]);

function hasRoom(size: number, n: number): boolean {
  return size >= (CASES[n]?.sizeMin ?? Number.POSITIVE_INFINITY);
}

/**
 * Runs rounds until none is left. Each round has its own seed, so the bundles do not depend on the number of workers.
 * @param next claims the next round and returns its number
 */
export async function* runRounds(judges: Judges, seed: number, next: () => number): AsyncGenerator<Outcome> {
  let trial: Trial | undefined;
  for (let round = ROUNDS_OF_ALL[next()]; round !== undefined; round = ROUNDS_OF_ALL[next()]) {
    if ('edits' in round) yield* editBytes(judges, seed * 1_000 + round.edits, EDITS / ROUNDS);
    else if ('sound' in round) yield* makeSound(judges, seed * 1_000 + round.sound, SOUND / ROUNDS);
    else {
      if (trial?.size !== round.size) trial = await Trial.open(judges, round.size);
      yield await trial.run(CASES[round.n] as (typeof CASES)[number], seed * 1_000 + round.n);
    }
  }
}
