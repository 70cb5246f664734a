/**
 * npm run test:tamper [-- seed]: both verifiers against every kind of tampering at every size, 10,000 edits of one byte, 1,000 sound ledgers.
 * Ends with 1 where anything was missed, was called by another name than expected, or where the two do not agree.
 */
import { cpus } from 'node:os';
import { KINDS, type Outcome, runCases } from './campaign.ts';
import { Judges } from './judge.ts';
import { editBytes, type Found, makeSound } from './random.ts';
import { tableOf, unmet } from './report.ts';
import { makeStage } from './stage.ts';

const SIZES = [1, 2, 255, 256, 257, 70_000];
const EDITS = 10_000;
const SOUND = 1_000;

const seed = Number(process.argv[2] ?? '1');
const started = performance.now();
const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(0)} s`;
const complaints: string[] = [];
const judges = await Judges.open();
process.stdout.write(`seed ${seed}, ${cpus().length} processors, ${KINDS.length} kinds\n`);

const outcomes: Outcome[] = [];
for (const size of SIZES) {
  let count = 0;
  for await (const outcome of runCases(judges, await makeStage(size), seed)) {
    count += 1;
    outcomes.push(outcome);
    if (outcome.complaint !== undefined) complaints.push(`${size} entries, ${outcome.kind}, ${outcome.way}: ${outcome.complaint}`);
  }
  process.stdout.write(`${size} entries: ${count} bundles, ${seconds()}\n`);
}
process.stdout.write(`\n${tableOf(outcomes)}\n\n`);
complaints.push(...unmet(outcomes).map((kind) => `never met: ${kind}`));

// In rounds, so that a machine that is watched shows that it is alive.
for (const [what, total, run] of [
  ['edits of one byte', EDITS, editBytes],
  ['sound ledgers', SOUND, makeSound],
] as const) {
  const found: Found[] = [];
  for (let round = 0; round < 10; round += 1) found.push(...(await run(judges, seed + round, total / 10)));
  process.stdout.write(`${total} ${what}: ${found.length} complaints, ${seconds()}\n`);
  complaints.push(...found.map(({ seed: shown, complaint }) => `${what}, seed ${shown}: ${complaint}`));
}

await judges.close();
for (const complaint of complaints) process.stdout.write(`${complaint}\n`);
process.stdout.write(
  complaints.length === 0 ? `all caught, named alike, no false alarm: ${seconds()}\n` : `${complaints.length} complaints\n`,
);
process.exitCode = complaints.length === 0 ? 0 : 1;
