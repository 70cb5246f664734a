/**
 * npm run test:histories -- filesystem [--count N] [--seed N] [--minutes N]: seeded histories of two agents (handle and watched), a person and another
 * process on one folder, undone and compared byte for byte, mode for mode and name for name with an oracle that imports no product code.
 */
import { parseArgs } from 'node:util';
import { playHistories } from './campaign.ts';

export async function runFilesystemHistories(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '60' },
    },
  });
  const [count, seed, minutes] = [values.count, values.seed, values.minutes].map(Number) as [number, number, number];
  const started = performance.now();
  const counts = { histories: 0, restored: 0, conflicted: 0, saves: 0, overwritten: 0 };
  const failures = await playHistories(seed, count, () => performance.now() - started < minutes * 60_000, counts);
  for (const failure of failures) process.stdout.write(`${failure}\n`);
  const seconds = Math.round((performance.now() - started) / 1_000);
  process.stdout.write(
    `${counts.histories} of ${count} histories, ${failures.length} with mismatches; ${counts.restored} steps restored, ${counts.conflicted} conflicts that the oracle requires, ${counts.saves} saves in a window, ${counts.overwritten} values overwritten by force; ${seconds} s\n`,
  );
  return failures.length === 0 && counts.histories === count ? 0 : 1;
}
