/**
 * npm run test:alerts: makes each condition happen on real services and waits for its alert in a real Prometheus. Exits with 1 where an alert fires without
 * its condition, or does not fire. Needs Prometheus in PATH, or apt-get, and `unshare`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@recant/client';
import { METRICS } from '../../libs/metrics/src/definitions.ts';
import { waitUntil } from '../support/src/wait-until.ts';
import { CASES, type Case } from './cases.ts';
import { startOnSmallDisk } from './full-disk.ts';
import { type Prometheus, readRules, startPrometheus } from './prometheus.ts';
import { startStage } from './stage.ts';

const FIRING_MS_MAX = 180_000;
/** Scrapes without any condition. */
const QUIET_MS = 20_000;

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

async function quiet(prometheus: Prometheus): Promise<void> {
  const until = performance.now() + QUIET_MS;
  await waitUntil(
    async () => {
      const firing = await prometheus.firing();
      if (firing.size > 0) throw new Error(`firing without a condition: ${[...firing].join(', ')}`);
      return performance.now() > until;
    },
    { timeoutMs: 3 * QUIET_MS, what: 'a quiet service', pollMs: 1_000 },
  );
}

async function tried(
  prometheus: Prometheus,
  { alerts, what }: Case,
  startedAt: number,
  waits: ReadonlyMap<string, string>,
): Promise<number> {
  let failed = 0;
  for (const alert of alerts) {
    const wait = waits.get(alert);
    try {
      await waitUntil(async () => (await prometheus.firing()).has(alert), { timeoutMs: FIRING_MS_MAX, what: alert, pollMs: 500 });
      print(`ok   ${alert.padEnd(24)} ${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s, plus for ${wait}   ${what}`);
    } catch {
      failed += 1;
      print(`FAIL ${alert.padEnd(24)} did not fire in ${FIRING_MS_MAX / 1_000} s   ${what}`);
    }
  }
  return failed;
}

/** Whether people see the condition too, with what to do. On a full disk no alarm can be stored, so a check of health says it. */
async function shown(client: Client, { seen }: Case): Promise<boolean> {
  if (seen === undefined) return true;
  const { alarms = [], checks = {} } = await client.healthDetails();
  const text = seen === 'store_full' ? checks.disk?.detail : alarms.find(({ code }) => code === seen)?.action;
  return text !== undefined && /\S/.test(text);
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
    const startedAt = performance.now();
    await each.cause(stage, small);
    failed += await tried(prometheus, each, startedAt, waits);
    if (await shown(each.seen === 'store_full' ? small.client : stage.operator, each)) continue;
    print(`FAIL health does not show ${each.seen}`);
    failed += 1;
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
