/** The rollback service in a process of its own, which is struck where the campaign says. */
import { createLogger } from '@recant/service';
import { createStore } from '@recant/store';
import { wireRollback } from '../../services/rollback/src/wire.ts';
import { elapse } from '../faults/matrix/elapse.ts';
import { DURING, type Hook, hookedConnectors, hookPorts, type Place } from './places.ts';
import type { Strike } from './plan.ts';

export interface WorkerSettings {
  readonly databaseUrl: string;
  /** In base64. */
  readonly masterKey: string;
  readonly ledgerUrl: string;
  readonly rollbackKey: string;
  readonly batchSteps: number;
  readonly leaseMs: number;
  /** Without a commit for so long a worker loses its claim. */
  readonly hangMs: number;
  /** How long a call hangs. */
  readonly lastsMs: number;
  /** Where to strike; undefined: nowhere. */
  readonly strike?: Strike | undefined;
}
/** To the worker. */
export type Order = Pick<WorkerSettings, 'strike'>;
/** From the worker: `ready` once it works, and after each order; `hangs` where a call does, and `late` once that call has ended, long after. */
export type Report = 'ready' | 'hangs' | 'late';

const settings = JSON.parse(process.env.KILLS_WORKER ?? '') as WorkerSettings;
/** Without the campaign it ends. */
const report = (what: Report): void => void process.send?.(what, undefined, {}, (error) => error && process.exit(1));
let { strike } = settings;
let seen = 0;
process.on('message', (order: Order) => {
  strike = order.strike;
  seen = 0;
  report('ready');
});
process.on('disconnect', () => process.exit(0));

const die = (): void => void process.kill(process.pid, 'SIGKILL');

const hook: Hook = (place) => {
  if (strike === undefined) return undefined;
  const isDuring = strike.place === DURING && place === 'invert.before';
  if (place !== strike.place && !isDuring) return undefined;
  seen += 1;
  if (seen !== strike.nth) return undefined;
  const { fault, afterMs } = strike;
  strike = undefined;
  if (fault === 'hang') return hang(place);
  if (isDuring) setTimeout(die, afterMs);
  else die();
  return undefined;
};

/** The call goes on late: what it still does has to be refused or be known. */
async function hang(place: Place): Promise<undefined | (() => void)> {
  report('hangs');
  await elapse(settings.lastsMs);
  if (place.endsWith('.before')) return () => report('late');
  report('late');
  return undefined;
}

const { databaseUrl, ledgerUrl, rollbackKey, masterKey, batchSteps, leaseMs, hangMs } = settings;
const store = createStore({ connectionString: databaseUrl, masterKey: Buffer.from(masterKey, 'base64') });
/** So that a part is recorded and another one started while the target works. */
const PART_STEPS = 2;
const NEVER_MS = 1_000_000_000;
const rollback = wireRollback({
  store,
  logger: createLogger({ name: 'worker', level: 'fatal' }),
  clock: Date.now,
  ledger: { url: ledgerUrl, apiKey: rollbackKey },
  approvals: 'never',
  worker: { leaseMs, hangMs, pollMs: 50, pauseMs: 100 },
  runner: { batchSteps, partSteps: PART_STEPS, retryMs: 20, awayRetryMs: 200 },
  connectors: hookedConnectors(hook),
  faults: (ports) => hookPorts(ports, hook),
  alarmMs: NEVER_MS,
  freezeMs: NEVER_MS,
});
await rollback.start();
report('ready');
