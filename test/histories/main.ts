/**
 * npm run test:histories [-- --count N --seed N --minutes N --state FILE --fresh --explain]: seeded histories on a PostgreSQL of its own, undone by the rollback
 * service and compared cell by cell with an oracle that imports no product code. An interrupted run goes on where it was; --fresh starts again. Exits 1 on a
 * mismatch.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '@recant/local-postgres';
import { startPooler } from '../orms/pooler.ts';
import { playAll } from './campaign.ts';
import { runFilesystemHistories } from './filesystem/main.ts';
import { failureText, IMPOSSIBLE, tableOf } from './report.ts';
import { readState, writeState } from './state.ts';

const PROGRESS_EVERY = 50;
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '3000' },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '60' },
      state: { type: 'string', default: join(tmpdir(), 'recant-histories.json') },
      fresh: { type: 'boolean', default: false },
      explain: { type: 'boolean', default: false },
    },
  });
  const [seed, count, minutes] = [values.seed, values.count, values.minutes].map(Number) as [number, number, number];
  const kept = await readState(values.state, seed);
  const state = values.fresh ? { from: seed, next: seed, counts: {}, failures: [] } : kept;
  const started = performance.now();
  const server = await startPostgres({
    dataDir: join(tmpdir(), `recant-histories-${randomBytes(6).toString('hex')}`),
    durable: false,
    temporary: true,
    settings: { max_connections: '200', max_prepared_transactions: '50' },
  });
  let shown = state.failures.length;
  try {
    await playAll({
      adminUrl: server.ownerUrl,
      state,
      end: seed + count,
      startPooler,
      ...(values.explain && { onEnd: print }),
      goesOn: () => performance.now() - started < minutes * 60_000,
      async onOutcome({ next, failures }) {
        for (const failure of failures.slice(shown)) print(failureText(failure));
        shown = failures.length;
        await writeState(values.state, state);
        if ((next - seed) % PROGRESS_EVERY === 0) print(`${next - seed} of ${count}, ${failures.length} with mismatches`);
      },
    });
  } finally {
    await server.stop();
  }
  print(`\n${tableOf(state)}\n\nNot possible:\n${IMPOSSIBLE.map((line) => `  ${line}`).join('\n')}`);
  const seconds = Math.round((performance.now() - started) / 1_000);
  print(`\n${state.next - seed} of ${count} histories, ${state.failures.length} with mismatches, ${seconds} s; state in ${values.state}`);
  for (const failure of state.failures) print(failureText(failure));
  return state.failures.length === 0 && state.next >= seed + count ? 0 : 1;
}

const [connector, ...rest] = process.argv.slice(2);
process.exitCode = connector === 'filesystem' ? await runFilesystemHistories(rest) : await main();
