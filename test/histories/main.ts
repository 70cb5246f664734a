/**
 * npm run test:histories [-- --count N --seed N --minutes N --places N --failovers N --state FILE --fresh --explain --broken KIND]: seeded histories on a PostgreSQL of its own, undone by the rollback
 * service and compared cell by cell with an oracle that imports no product code. An interrupted run goes on where it was; --fresh starts again. Exits 1 on a
 * mismatch, and where a whole campaign reached a possible cell of its table too seldom.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '@recant/local-postgres';
import { startPooler } from '../orms/pooler.ts';
import { BROKEN_KINDS } from './broken.ts';
import { playAll } from './campaign.ts';
import { createFailoverPlace, FAILOVERS_FROM } from './failover.ts';
import { runFilesystemHistories } from './filesystem/main.ts';
import { createGround } from './place.ts';
import { CAMPAIGN_COUNT, CELL_MIN, FAILOVER_COUNT, failoverLines, failureText, IMPOSSIBLE_LINES, missingCells, tableOf } from './report.ts';
import { freshState, readState, type State, writeState } from './state.ts';
import { openThread } from './threads.ts';

const PROGRESS_EVERY = 50;
/** Histories test what is right, not what survives a power cut; passwords protect nothing here. */
const SETTINGS = {
  max_connections: '400',
  max_prepared_transactions: '50',
  scram_iterations: '1',
  synchronous_commit: 'off',
  log_min_messages: 'fatal',
};
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string' },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '60' },
      places: { type: 'string', default: '4' },
      failovers: { type: 'string' },
      failover: { type: 'string' },
      state: { type: 'string', default: join(tmpdir(), 'recant-histories.json') },
      fresh: { type: 'boolean', default: false },
      explain: { type: 'boolean', default: false },
      broken: { type: 'string' },
    },
  });
  const [seed, count, minutes, places] = [
    values.seed,
    values.count ?? (values.failover ? '0' : String(CAMPAIGN_COUNT)),
    values.minutes,
    values.places,
  ].map(Number) as [number, number, number, number];
  const broken = BROKEN_KINDS.find((kind) => kind === values.broken);
  if (values.broken !== undefined && broken === undefined) {
    print(`--broken: expected one of ${BROKEN_KINDS.map((kind) => `"${kind}"`).join(', ')}, got "${values.broken}"`);
    return 2;
  }
  const state = values.fresh ? freshState(seed) : await readState(values.state, seed);
  const failoverCount = Number(values.failovers ?? (values.failover ? 1 : count === CAMPAIGN_COUNT ? FAILOVER_COUNT : 0));
  const all = count + failoverCount;
  const seeds = Array.from({ length: count }, (_, n) => seed + n);
  const started = performance.now();
  const secondsSoFar = () => Math.round((performance.now() - started) / 1_000);
  const server = await startPostgres({
    dataDir: join(tmpdir(), `recant-histories-${randomBytes(6).toString('hex')}`),
    durable: false,
    temporary: true,
    settings: SETTINGS,
  });
  let shown = state.failures.length;
  try {
    const { drop, ...ground } = await createGround({ adminUrl: server.ownerUrl, startPooler });
    const common = {
      state,
      goesOn: () => performance.now() - started < minutes * 60_000,
      async onOutcome({ done, failures }: State) {
        for (const failure of failures.slice(shown)) print(failureText(failure));
        shown = failures.length;
        await writeState(values.state, state);
        if (done.length % PROGRESS_EVERY === 0) print(`${done.length} of ${all}, ${failures.length} with mismatches, ${secondsSoFar()} s`);
      },
    };
    const openPlace = () => openThread({ ground, explains: values.explain, broken }, print);
    await playAll({ ...common, places: Math.min(places, count), seeds, openPlace });
    const failovers = Array.from({ length: failoverCount }, (_, n) => Number(values.failover ?? FAILOVERS_FROM) + n);
    await playAll({ ...common, places: 1, seeds: failovers, openPlace: () => createFailoverPlace(server.ownerUrl, SETTINGS) });
    await drop();
  } finally {
    await server.stop();
  }
  print(`\n${tableOf(state)}\n\nNot possible:\n${IMPOSSIBLE_LINES.map((line) => `  ${line}`).join('\n')}`);
  for (const line of failoverLines(state)) print(line);
  const missing = state.done.length >= CAMPAIGN_COUNT ? missingCells(state) : [];
  for (const cell of missing) print(`fewer than ${CELL_MIN}: ${cell}`);
  print(
    `\n${state.done.length} of ${all} histories, ${state.failures.length} with mismatches, ${secondsSoFar()} s; state in ${values.state}`,
  );
  for (const failure of state.failures) print(failureText(failure));
  return state.failures.length === 0 && missing.length === 0 && state.done.length >= all ? 0 : 1;
}

const [connector, ...rest] = process.argv.slice(2);
process.exitCode = connector === 'filesystem' ? await runFilesystemHistories(rest) : await main();
