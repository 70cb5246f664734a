/**
 * npm run test:alerts: makes each condition happen on real services and waits until health, `recant status`, metrics and, in a real Prometheus, its alert show it.
 * Exits with 1 where an alert fires without its condition, or something is not shown within the stated time. Needs Prometheus in PATH, or apt-get, and `unshare`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRICS } from '../../libs/metrics/src/definitions.ts';
import { waitUntil } from '../support/src/wait-until.ts';
import { CASES, type Case } from './cases.ts';
import { startOnSmallDisk } from './full-disk.ts';
import { shownIn, type Watched } from './places.ts';
import { type Prometheus, readRules, startPrometheus } from './prometheus.ts';
import { startStage } from './stage.ts';

/** Scrapes without any condition. */
const QUIET_MS = 20_000;
/** A place that failed is asked again after up to 60 s. */
const ENDED_MS_MAX = 90_000;

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

async function quiet(prometheus: Prometheus): Promise<void> {
  const until = performance.now() + QUIET_MS;
  const fired = new Set<string>();
  await waitUntil(
    async () => {
      for (const alert of await prometheus.firing()) fired.add(alert);
      return performance.now() > until;
    },
    { timeoutMs: 3 * QUIET_MS, what: 'a quiet service', pollMs: 1_000 },
  );
  if (fired.size > 0) throw new Error(`firing without a condition: ${[...fired].join(', ')}`);
}

type CausedCase = Omit<Case, 'cause'> & { cause(): Promise<void> };

/** @returns how many alerts did not fire in time, and places did not show the condition in time */
async function tried(prometheus: Prometheus, watched: Watched, each: CausedCase, waits: ReadonlyMap<string, string>): Promise<number> {
  const { alerts, what, seen, shownS = 0, firesS } = each;
  const before = await firingStill(prometheus, each);
  if (before > 0) return before;
  await each.cause();
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1_000;
  const places = seen === undefined ? new Map() : shownIn(watched, seen, startedAt, 1_000 * shownS);
  const fired = alerts.map(async (alert) => {
    const isFiring = async () => (await prometheus.firing()).has(alert);
    const after = await waitUntil(isFiring, { timeoutMs: 1_000 * firesS, what: alert, pollMs: 500 }).then(seconds, () => undefined);
    return [`alert ${alert}`, after] as const;
  });
  const all = [...(await places), ...(await Promise.all(fired))];
  const late = all.filter(([, after]) => after === undefined);
  const times = all.map(([place, after]) => `${place} ${after === undefined ? 'NOT SEEN' : `${after.toFixed(0)} s`}`);
  const plus = alerts.map((alert) => waits.get(alert)).filter((wait) => wait !== '0s');
  print(
    `${late.length === 0 ? 'ok  ' : 'FAIL'} ${what}: ${times.join(', ')}${plus.length === 0 ? '' : ` (plus for ${plus.join(', ')})`}; limits ${shownS}, ${firesS} s`,
  );
  return late.length;
}

/** Waits until none of its alerts fires: before its condition, and after the end of one that would cause others. */
async function firingStill(prometheus: Prometheus, { alerts, what }: Pick<Case, 'alerts' | 'what'>): Promise<number> {
  const isQuiet = async () => {
    const firing = await prometheus.firing();
    return alerts.every((alert) => !firing.has(alert));
  };
  const ended = await waitUntil(isQuiet, { timeoutMs: ENDED_MS_MAX, what: `quiet: ${what}`, pollMs: 500 }).catch(() => false);
  if (!ended) print(`FAIL ${alerts.join(', ')} fires for ${ENDED_MS_MAX / 1_000} s without: ${what}`);
  return ended ? 0 : 1;
}

const dir = await mkdtemp(join(tmpdir(), 'recant-alerts-'));
const stops: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })];
let failed = 0;
try {
  const disk = join(dir, 'disk');
  await mkdir(disk);
  const stage = await startStage(dir);
  stops.push(stage.stop);
  const small = await startOnSmallDisk(disk, dir);
  stops.push(small.stop);
  const prometheus = await startPrometheus(dir, [stage.target, small.target]);
  stops.push(async () => prometheus.stop());
  const { waits } = await readRules();
  await quiet(prometheus);
  print('ok   nothing fires without a condition');
  for (const each of CASES) {
    const watched = each.seen === 'store_full' ? small : stage;
    failed += await tried(prometheus, watched, { ...each, cause: () => each.cause(stage, small) }, waits);
    if (each.mend === undefined) continue;
    await each.mend(stage);
    failed += await firingStill(prometheus, each);
  }
  const names = await prometheus.names();
  const absent = Object.keys(METRICS).filter((name) => !names.has(name) && !names.has(`${name}_bucket`));
  if (absent.length > 0) print(`FAIL never scraped: ${absent.join(', ')}`);
  failed += absent.length;
  const untried = [...waits.keys()].filter((name) => !CASES.some(({ alerts }) => alerts.includes(name)));
  if (untried.length > 0) failed += 1;
  print(`${waits.size} rules, ${failed} failed`);
} finally {
  for (const stop of stops.toReversed()) await stop().catch((error: Error) => print(`stop: ${error.message}`));
}
process.exit(failed === 0 ? 0 : 1);
