import { makeBundle } from '../../libs/verifier/test/make-ledger.ts';
import { Chance } from './chance.ts';
import type { Judges } from './judge.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { randomBundle } from './random-bundle.ts';
import { soundLog } from './sound-log.ts';

export const EDITS_PART = 'edits of one byte';
export const SOUND_PART = 'sound ledgers of random shapes';

const EDITED = { part: EDITS_PART, kind: 'a byte is edited', way: 'as it is', expected: 'any rule' } as const;
const UNTOUCHED = { part: SOUND_PART, kind: 'nothing', way: 'as it is', expected: 'sound' } as const;

/** Changes one byte at a time, each time of the sound file: every edit must be caught, and be called the same by both. */
export async function* editBytes(judges: Judges, seed: number, edits: number): AsyncGenerator<Outcome> {
  const chance = new Chance(seed);
  const files = await soundFiles();
  yield* together(edits, async (n) => {
    const bytes = Buffer.from(chance.of(files));
    const at = chance.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 + chance.below(255));
    return outcomeOf(EDITED, `seed ${seed}, edit ${n}, byte ${at}`, await judges.judge(bytes));
  });
}

/** Small files, so that every kind of byte is met often. */
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

/** Makes sound logs: no rule may be broken, and both must count and warn alike. */
export async function* makeSound(judges: Judges, seed: number, bundles: number): AsyncGenerator<Outcome> {
  yield* together(bundles, async (n) => {
    const bytes = await randomBundle(new Chance(seed * 1_000 + n));
    return outcomeOf(UNTOUCHED, `seed ${seed}, bundle ${n}`, await judges.judge(bytes));
  });
}

/** Of small files, so that neither verifier waits for the other one after each. */
const TOGETHER = 20;

async function* together(count: number, run: (n: number) => Promise<Outcome>): AsyncGenerator<Outcome> {
  for (let from = 0; from < count; from += TOGETHER) {
    yield* await Promise.all(Array.from({ length: Math.min(TOGETHER, count - from) }, (_, n) => run(from + n)));
  }
}
