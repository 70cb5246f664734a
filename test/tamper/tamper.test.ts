import { CLOCK_SKEW_MS, manifestOf } from '@recant/verifier';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBundle, testSigner } from '../../libs/verifier/test/make-ledger.ts';
import { CASES, KINDS, partOf, Trial } from './campaign.ts';
import { Judges } from './judge.ts';
import type { Outcome } from './outcome.ts';
import { editBytes, makeSound } from './random.ts';
import { Report } from './report.ts';
import { soundLog } from './sound-log.ts';

/** A sample of `npm run test:tamper`, with one JVM. */
describe('both verifiers', () => {
  let judges: Judges;
  beforeAll(async () => {
    judges = await Judges.open();
  });
  afterAll(async () => {
    await judges.close();
  });

  it('are tested with at least 40 kinds of tampering', () => {
    expect(KINDS.length).toBeGreaterThanOrEqual(40);
  });

  it.each([
    [1, 1],
    [2, 2],
    [257, 3],
  ])('catch every kind of tampering in a log of %i entries and name the same rule', async (size, every) => {
    const trial = await Trial.open(judges, size);
    const outcomes: Outcome[] = [];
    for (const [n, each] of CASES.entries()) {
      const isChosen = each.sizeMin <= size && (each.expected === 'sound' || n % every === 0);
      if (isChosen) outcomes.push(await trial.run(each, n));
    }
    expect(outcomes.length).toBeGreaterThan(80);
    expect(await failuresOf(outcomes)).toEqual([]);
  });

  it('I12: catch an edit of any single byte', async () => {
    expect(await failuresOf(editBytes(judges, 42, 200))).toEqual([]);
  });

  it('find random sound ledgers sound, with equal counts and warnings', async () => {
    expect(await failuresOf(makeSound(judges, 42, 20))).toEqual([]);
  });

  it('report an unchanged bundle as failure where a rule is expected', async () => {
    const idle = {
      kind: 'nothing is changed',
      signing: 'unsigned',
      sizeMin: 1,
      expected: ['format'],
      make: ({ bytes }: { bytes: Buffer }) => bytes,
    } as const;
    const trial = await Trial.open(judges, 2);
    expect(await trial.run(idle, 1)).toMatchObject({ failure: expect.stringContaining('got sound from TypeScript') });
  });

  it('are reported with missed and unverified bundles', () => {
    const report = new Report();
    const bundle = { part: partOf(2), kind: 'a byte is edited', signing: 'unsigned', expected: 'any rule' } as const;
    report.add({ ...bundle, rules: { TypeScript: 'format', Java: 'sound' }, failure: 'verifiers disagree' });
    expect(report.tables()).toContain('1 tampered, 0 sound | TypeScript caught 1, named 1, false alarms 0 | Java caught 0, named 0,');
    expect(report.failures()).toEqual(
      expect.arrayContaining([
        'verifiers disagree',
        'logs of 70,000: expected 256 bundles, verified 0',
        'not covered: an event is edited, unsigned',
      ]),
    );
  });

  it('distinguish a checkpoint newer than the bundle from a truncated log', async () => {
    const log = soundLog(0, 4, 50, 50);
    const saved = log.checkpoints.map(({ note }, n) => ({ name: `${n}.checkpoint`, note: Buffer.from(note) }));
    const cut = await makeBundle([soundLog(0, 4, 5, 50).source()]);
    const madeMs = Date.parse(manifestOf(cut).made);
    for (const [savedAtMs, expected] of [
      [madeMs - CLOCK_SKEW_MS, { rule: 'anchor_ahead' }],
      [madeMs - CLOCK_SKEW_MS + 1_000, { sound: true, anchorsNewer: saved.map(({ name }) => name) }],
    ] as const) {
      const anchors = saved.map((each) => ({ ...each, savedAtMs }));
      const { verdict, java, difference } = await judges.judge(cut, [], { folder: await judges.saveAnchors(anchors), saved: anchors });
      expect([verdict, java, difference]).toMatchObject([expected, expected, undefined]);
    }
  });

  it('do not trust a key that was not given', async () => {
    const bytes = await makeBundle([soundLog(0, 4, 5, 50).source()]);
    const { verdict, java, difference } = await judges.judge(bytes, [testSigner(77).vkey]);
    expect([verdict.sound, java.rule, difference]).toEqual([false, 'key_unknown', undefined]);
  });
});

async function failuresOf(outcomes: Iterable<Outcome> | AsyncIterable<Outcome>): Promise<string[]> {
  const failures: string[] = [];
  for await (const { failure } of outcomes) if (failure !== undefined) failures.push(failure);
  return failures;
}
