import { makeBundle } from '../../libs/verifier/test/make-ledger.ts';
import { Chance } from './chance.ts';
import type { Judges } from './judge.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { randomBundle } from './random-bundle.ts';
import { soundLog } from './sound-log.ts';

export const EDITS_PART = 'edits of one byte';
export const SOUND_PART = 'sound ledgers of random shapes';

const EDITED = { part: EDITS_PART, kind: 'a byte is edited', signing: 'unsigned', expected: 'any rule' } as const;
const UNTOUCHED = { part: SOUND_PART, kind: 'nothing', signing: 'unsigned', expected: 'sound' } as const;

/** Changes one byte of a sound file per bundle: both verifiers must catch it and name the same rule. */
export async function* editBytes(judges: Judges, seed: number, edits: number): AsyncGenerator<Outcome> {
  const chance = new Chance(seed);
  const files = await soundFiles();
  yield* inBatches(edits, async (n) => {
    const bytes = Buffer.from(chance.of(files));
    const at = chance.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 + chance.below(255));
    return outcomeOf(EDITED, `seed ${seed}, edit ${n}, byte ${at}`, await judges.judge(bytes));
  });
}

/** Small files, so that edits reach every kind of byte often. */
async function soundFiles(): Promise<Buffer[]> {
  const restored = soundLog(1, 4, 15, 5);
  restored.openEpoch();
  restored.sign();
  return [
    await makeBundle([soundLog(0, 4, 30, 10), soundLog(2, 4, 6, 50)].map((log) => log.source())),
    await makeBundle([soundLog(3, 4, 24, 8).source(13n)], { query: { from: '13', shard: 3 } }),
    await makeBundle([restored.source()]),
    await makeBundle([soundLog(0, 1, 1, 1).source()]),
  ];
}

/** Makes sound ledgers: both verifiers must find no broken rule and report equal counts and warnings. */
export async function* makeSound(judges: Judges, seed: number, bundles: number): AsyncGenerator<Outcome> {
  yield* inBatches(bundles, async (n) => {
    const bytes = await randomBundle(new Chance(seed * 1_000 + n));
    return outcomeOf(UNTOUCHED, `seed ${seed}, bundle ${n}`, await judges.judge(bytes));
  });
}

/** Small files verified at once, so that neither verifier waits for the other after each. */
const BATCH = 20;

async function* inBatches(count: number, run: (n: number) => Promise<Outcome>): AsyncGenerator<Outcome> {
  for (let from = 0; from < count; from += BATCH) {
    yield* await Promise.all(Array.from({ length: Math.min(BATCH, count - from) }, (_, n) => run(from + n)));
  }
}
