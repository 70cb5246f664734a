import { parseArgs } from 'node:util';
import { benchAction } from './action.ts';
import { benchCapture } from './capture.ts';
import { belowFloor, formatTable, type Results } from './figures.ts';
import { benchFilesystem } from './filesystem.ts';
import { benchFreeze } from './freeze.ts';
import { benchIngest } from './ingest.ts';
import { benchLayouts } from './layouts.ts';
import { benchPlan } from './plan.ts';
import { benchProof } from './proof-reads.ts';
import { benchRollback } from './rollback.ts';
import { benchVerify } from './verify.ts';

const BENCHMARKS: Readonly<Record<string, (options: { events: number }) => Promise<Results>>> = {
  ingest: benchIngest,
  layouts: benchLayouts,
  verify: benchVerify,
  proof: benchProof,
  capture: benchCapture,
  action: benchAction,
  filesystem: benchFilesystem,
  freeze: benchFreeze,
  plan: benchPlan,
  rollback: benchRollback,
};
const EVENTS_DEFAULT = 200_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, events: { type: 'string', default: String(EVENTS_DEFAULT) } },
});
const run = BENCHMARKS[positionals[0] ?? ''];
const events = Number(values.events);
if (run === undefined || !Number.isInteger(events) || events < 1_000) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--json] [--events N]   (N from 1000)`);
  process.exitCode = 2;
} else {
  const results = await run({ events });
  console.log(values.json ? JSON.stringify(results, undefined, 2) : formatTable(results));
  if (results.figures.some(belowFloor)) process.exitCode = 1;
}
