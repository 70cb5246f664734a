import { CASES, partOf, Trial } from './campaign.ts';
import type { Judges } from './judge.ts';
import type { Outcome } from './outcome.ts';
import { EDITS_PART, editBytes, makeSound, SOUND_PART } from './random.ts';

export const SIZES: readonly number[] = [1, 2, 255, 256, 257, 70_000];
const EDITS = 10_000;
const SOUND = 1_000;
/** Of the edits, and of the sound ledgers. */
const ROUNDS = 50;

/** What a lane takes at once: a case at a size, some edits of one byte, some sound ledgers. */
type Round = { readonly size: number; readonly n: number } | { readonly edits: number } | { readonly sound: number };

const ROUNDS_OF_ALL: readonly Round[] = [
  ...SIZES.flatMap((size) => [...CASES.keys()].filter((n) => hasRoom(size, n)).map((n) => ({ size, n }))),
  ...Array.from({ length: ROUNDS }, (_, edits) => ({ edits })),
  ...Array.from({ length: ROUNDS }, (_, sound) => ({ sound })),
];

/** How many bundles each part of the campaign has. */
export const PARTS: ReadonlyMap<string, number> = new Map([
  ...SIZES.map((size): [string, number] => [partOf(size), [...CASES.keys()].filter((n) => hasRoom(size, n)).length]),
  [EDITS_PART, EDITS],
  [SOUND_PART, SOUND],
]);

function hasRoom(size: number, n: number): boolean {
  return size >= (CASES[n]?.sizeMin ?? Number.POSITIVE_INFINITY);
}

/**
 * One lane of the campaign. Each case and each round has a seed of its own: the bundles are the same however many lanes there are.
 * @param next number of the round that no lane has taken yet
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
