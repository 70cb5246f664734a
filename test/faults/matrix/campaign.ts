import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFairSlots } from '@recant/queues';
import { type Broker, openBroker } from './broker.ts';
import { cellOf, type Replicas, type Run, runOf } from './plan.ts';
import { play, type Result } from './play.ts';
import { makeTemplate } from './postgres.ts';
import { openWorld, type World } from './world.ts';

/** Runs of one world, whose whole log is audited after each: more cost more than another world. */
const RUNS_A_WORLD = 15;
const LINES_SHOWN = 12;
const OPENED_AT_ONCE = 2;
const OPEN_TRIES_MAX = 5;

export interface State {
  readonly seed: number;
  readonly results: Result[];
}

export async function readState(file: string, seed: number): Promise<State> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const state = text === undefined ? undefined : (JSON.parse(text) as State);
  return state?.seed === seed ? state : { seed, results: [] };
}

async function writeState(file: string, state: State): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(state));
  await rename(`${file}.new`, file);
}

export interface CampaignOptions {
  readonly seed: number;
  readonly runs: readonly number[];
  readonly workers: number;
  readonly state: State;
  readonly file?: string;
  /** Folder for the whole logs of the replicas. */
  readonly logs?: string | undefined;
  goesOn(): boolean;
  onResult(result: Result): void;
}

/** Plays the runs that are not in the state yet, several worlds at once: most of their time is waiting. */
export async function playAll(options: CampaignOptions): Promise<void> {
  const { seed, workers, state, file, logs } = options;
  if (logs !== undefined) await mkdir(logs, { recursive: true });
  const done = new Set(state.results.map(({ n }) => n));
  const queue = options.runs.filter((n) => !done.has(n)).map((n) => runOf(seed, n));
  const folder = await mkdtemp(join(tmpdir(), 'recant-matrix-'));
  const template = join(folder, 'template');
  let writing = Promise.resolve();
  const finish = async (result: Result) => {
    state.results.push(result);
    options.onResult(result);
    if (file !== undefined) writing = writing.then(() => writeState(file, state));
    await writing;
  };
  const slots = createFairSlots(OPENED_AT_ONCE, OPENED_AT_ONCE);
  const inTurn = <T>(open: () => Promise<T>): Promise<T> => slots.run('', open);
  try {
    await makeTemplate(template);
    const work = Array.from({ length: Math.min(workers, queue.length) }, (_, at) =>
      worker({ folder: join(folder, `w${at}`), template, logs, queue, at, inTurn, finish, goesOn: options.goesOn }),
    );
    await Promise.all(work);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Worker {
  readonly folder: string;
  readonly template: string;
  readonly logs: string | undefined;
  readonly queue: Run[];
  readonly at: number;
  /** Few worlds are opened at once. */
  inTurn<T>(open: () => Promise<T>): Promise<T>;
  finish(result: Result): Promise<void>;
  goesOn(): boolean;
}

async function worker({ folder, template, logs, queue, at, inTurn, finish, goesOn }: Worker): Promise<void> {
  await mkdir(folder, { recursive: true });
  const kafka = await inTurn(() => openBroker(join(folder, 'kafka')));
  let world: World | undefined;
  let played = 0;
  let worlds = 0;
  try {
    while (queue.length > 0 && goesOn()) {
      const fits = world === undefined || played >= RUNS_A_WORLD ? -1 : queue.findIndex((run) => canPlay(world as World, run));
      const [run] = queue.splice(Math.max(0, fits), 1) as [Run];
      if (fits < 0) {
        await world?.[Symbol.asyncDispose]();
        world = undefined;
        played = 0;
        worlds += 1;
        const opened = { template, kafka, logs, replicas: run.replicas };
        const openOne = (n: number) => openWorld({ ...opened, folder: join(folder, `${worlds}.${n}`), seed: (at * 100 + worlds) * 10 + n });
        world = await inTurn(() => openPatiently(openOne));
      }
      played += 1;
      const result = await playSafely(world as World, run, kafka);
      // A world that did not recover is of no further use.
      if (result.figures.recovery === 0) played = RUNS_A_WORLD;
      await finish(result);
    }
  } finally {
    await world?.[Symbol.asyncDispose]();
    await kafka.end();
  }
}

/** On a busy machine a service may give up before its database answers, as it should. */
async function openPatiently(open: (n: number) => Promise<World>): Promise<World> {
  for (let n = 1; ; n += 1) {
    try {
      return await open(n);
    } catch (error) {
      if (n === OPEN_TRIES_MAX) throw error;
      process.stderr.write(`a world did not open, trying again: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
}

function canPlay({ replicas, database }: World, run: Run): boolean {
  return replicas.length === (run.replicas satisfies Replicas) && (run.fault !== 'disk-full' || database.isOnVolume);
}

async function playSafely(world: World, run: Run, kafka: Broker): Promise<Result> {
  if (run.fault === 'disk-full' && !world.database.isOnVolume)
    return failed(run, ['needs root: a full disk is a volume of its own (tmpfs)']);
  try {
    const result = await play(world, run);
    return result.problems.length === 0 ? result : { ...result, problems: [...result.problems, ...logsOf(world)] };
  } catch (error) {
    kafka.signal('SIGCONT');
    const reason =
      error instanceof Error ? `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}` : String(error);
    return failed(run, [reason, ...logsOf(world)]);
  }
}

function failed(run: Run, problems: readonly string[]): Result {
  const figures = { away: 0, baseline: 0, othersAnswered: 0, othersAcknowledged: 0, limit: 0, recovery: 0 };
  return { n: run.n, cell: cellOf(run), run, problems, figures, stages: {}, acknowledged: 0, setBack: [] };
}

/** The last lines of each replica's log. */
function logsOf({ replicas }: World): string[] {
  return replicas.flatMap(({ lines }, at) => lines.slice(-LINES_SHOWN).map((line) => `  replica ${at}: ${line.slice(0, 400)}`));
}
