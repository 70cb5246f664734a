import { CLOCK_SKEW_MS, manifestOf } from '@recant/verifier';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBundle, testSigner } from '../../libs/verifier/test/make-ledger.ts';
import { CASES, KINDS, partOf, Trial } from './campaign.ts';
import { Judges } from './judge.ts';
import type { Outcome } from './outcome.ts';
import { editBytes, makeSound } from './random.ts';
import { Report } from './report.ts';
import { soundLog } from './sound-log.ts';

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
    const trial = await Trial.open(judges, size);
    const outcomes: Outcome[] = [];
    for (const [n, each] of CASES.entries()) {
      const isChosen = each.sizeMin <= size && (each.expected === 'sound' || n % every === 0);
      if (isChosen) outcomes.push(await trial.run(each, n));
    }
    expect(outcomes.length).toBeGreaterThan(80);
    expect(await complaintsOf(outcomes)).toEqual([]);
  });

  it('I12: catch an edit of any one byte', async () => {
    expect(await complaintsOf(editBytes(judges, 42, 200))).toEqual([]);
  });

  it('raise no alarm at sound ledgers of any shape, and count and warn alike', async () => {
    expect(await complaintsOf(makeSound(judges, 42, 20))).toEqual([]);
  });

  it('complain of a bundle that nothing was changed in', async () => {
    const idle = {
      kind: 'nothing is changed',
      way: 'as it is',
      sizeMin: 1,
      expected: ['format'],
      make: ({ bytes }: { bytes: Buffer }) => bytes,
    } as const;
    const trial = await Trial.open(judges, 2);
    expect(await trial.run(idle, 1)).toMatchObject({ complaint: expect.stringContaining('called sound') });
  });

  it('are reported with what was missed and what was not judged', () => {
    const report = new Report();
    const bundle = { part: partOf(2), kind: 'a byte is edited', way: 'as it is', expected: 'any rule' } as const;
    report.add({ ...bundle, said: { TypeScript: 'format', Java: 'sound' }, complaint: 'TypeScript says format, Java sound' });
    expect(report.tables()).toContain('1 tampered with, 0 sound | TypeScript caught 1, named 1, false alarms 0 | Java caught 0, named 0,');
    expect(report.complaints()).toEqual(
      expect.arrayContaining([
        'TypeScript says format, Java sound',
        'logs of 70,000: 0 of 253 bundles were judged',
        'never met: an event is edited, as it is',
      ]),
    );
  });

  it('tell what was kept after a bundle was made from what was cut off it', async () => {
    const log = soundLog(0, 4, 50, 50);
    const kept = log.checkpoints.map(({ note }, n) => ({ name: `${n}.checkpoint`, note: Buffer.from(note) }));
    const cut = await makeBundle([soundLog(0, 4, 5, 50).source()]);
    const madeMs = Date.parse(manifestOf(cut).made);
    for (const [savedAtMs, expected] of [
      [madeMs - CLOCK_SKEW_MS, { rule: 'anchor_ahead' }],
      [madeMs - CLOCK_SKEW_MS + 1_000, { sound: true, anchorsNewer: kept.map(({ name }) => name) }],
    ] as const) {
      const anchors = kept.map((each) => ({ ...each, savedAtMs }));
      const { verdict, java, difference } = await judges.judge(cut, [], { folder: await judges.keep(anchors), kept: anchors });
      expect([verdict, java, difference]).toMatchObject([expected, expected, undefined]);
    }
  });

  it('do not believe a key that was not named', async () => {
    const bytes = await makeBundle([soundLog(0, 4, 5, 50).source()]);
    const { verdict, java, difference } = await judges.judge(bytes, [testSigner(77).vkey]);
    expect([verdict.sound, java.rule, difference]).toEqual([false, 'key_unknown', undefined]);
  });
});

async function complaintsOf(outcomes: Iterable<Outcome> | AsyncIterable<Outcome>): Promise<string[]> {
  const complaints: string[] = [];
  for await (const { complaint } of outcomes) if (complaint !== undefined) complaints.push(complaint);
  return complaints;
}
