/**
 * npm run test:secrets [-- seed ...]: agents do everything with secrets and personal values, over HTTP and over Kafka, and none of them may be found
 * in anything that Recant leaves behind; then the same with redaction switched off, where all have to be found. Ends with 1 where that is not so.
 */

import { runCampaign } from './campaign.ts';
import { complaintsOf } from './complaints.ts';

const seeds = process.argv.length > 2 ? process.argv.slice(2) : ['one', 'two', 'three'];
const started = performance.now();
const print = (text: string): boolean => process.stdout.write(`${text}\n`);
let complaints = 0;
for (const [n, seed] of seeds.entries()) {
  // Once is enough to see that the search sees.
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
  `${complaints === 0 ? 'nothing leaked, and the search saw all that was there' : `${complaints} complaints`}: ${((performance.now() - started) / 1_000).toFixed(0)} s`,
);
process.exitCode = complaints === 0 ? 0 : 1;
