import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBundle, testSigner } from '../../libs/verifier/test/make-ledger.ts';
import { CASES, KINDS, runCases } from './campaign.ts';
import { Judges } from './judge.ts';
import { editBytes, makeSound } from './random.ts';
import { soundLog } from './sound-log.ts';
import { makeStage } from './stage.ts';

/** A sample of `npm run test:tamper`; one JVM for all of it. */
describe('two verifiers that share no code', () => {
  let judges: Judges;
  beforeAll(async () => {
    judges = await Judges.open();
  });
  afterAll(async () => {
    await judges.close();
  });

  it('know at least 40 kinds of tampering', () => {
    expect(KINDS.length).toBeGreaterThanOrEqual(40);
  });

  it.each([
    [1, 1],
    [2, 2],
    [257, 3],
  ])('catch what was tampered with in a log of %i entries, and name it alike', async (size, every) => {
    const complaints: unknown[] = [];
    const some = CASES.filter((_, n) => n % every === 0);
    for await (const outcome of runCases(judges, await makeStage(size), size, some)) {
      if (outcome.complaint !== undefined) complaints.push(outcome);
    }
    expect(complaints).toEqual([]);
  });

  it('catch an edit of any one byte', async () => {
    expect(await editBytes(judges, 42, 200)).toEqual([]);
  });

  it('raise no alarm at sound ledgers of any shape, and count and warn alike', async () => {
    expect(await makeSound(judges, 42, 20)).toEqual([]);
  });

  it('complain of a campaign that changes nothing', async () => {
    const idle = {
      kind: 'nothing is changed',
      way: 'as it is',
      sizeMin: 1,
      expected: ['format'],
      make: ({ bytes }: { bytes: Buffer }) => bytes,
    } as const;
    const outcomes = [];
    for await (const outcome of runCases(judges, await makeStage(2), 1, [idle])) outcomes.push(outcome);
    expect(outcomes.map(({ complaint }) => complaint)).toEqual([undefined, expect.stringContaining('called sound')]);
  });

  it('do not believe a key that was not named', async () => {
    const bytes = await makeBundle([soundLog(0, 4, 5, 50).source()]);
    const { verdict, java, difference } = await judges.judge(bytes, [testSigner(77).vkey]);
    expect([verdict.sound, java.rule, difference]).toEqual([false, 'key_unknown', undefined]);
  });
});
