/**
 * npm run test:secrets [-- seed ...]: agents use secrets and personal values in every way, over HTTP and Kafka, and none may be found in anything
 * that Recant writes; then the same without redaction, where all must be found. Exits with 1 otherwise.
 */

import { runCampaign } from './campaign.ts';
import { complaintsOf } from './complaints.ts';

const seeds = process.argv.length > 2 ? process.argv.slice(2) : ['one', 'two', 'three'];
const started = performance.now();
const print = (text: string): boolean => process.stdout.write(`${text}\n`);
let complaints = 0;
for (const [n, seed] of seeds.entries()) {
  // One seed is enough to prove that the search finds values.
  for (const redaction of n === 0 ? [true, false] : [true]) {
    const searched = await runCampaign({ seed, kafka: true, redaction });
    const complained = complaintsOf(searched, { redaction, kafka: true });
    const { planted, bytes, files } = searched;
    const what = redaction ? 'redaction on' : 'redaction off';
    print(
      `${seed}, ${what}: ${planted.length} values, ${files} files, ${(bytes / 2 ** 20).toFixed(0)} MiB, ${complained.length} complaints`,
    );
    for (const complaint of complained) print(`  ${complaint}`);
    complaints += complained.length;
  }
}
print(
  `${complaints === 0 ? 'nothing leaked, and the search found every value without redaction' : `${complaints} complaints`}: ${((performance.now() - started) / 1_000).toFixed(0)} s`,
);
process.exitCode = complaints === 0 ? 0 : 1;
