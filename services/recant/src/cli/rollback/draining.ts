import { delay } from '../../terminal/delay.ts';
import { count } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { waitForRecord } from '../wait-for-record.ts';
import { type Flow, say, throwIfStopped, title } from './flow.ts';

const POLL_MS = 300;
const RUNNING_SHOWN_MAX = 100;

/** Steps 2 and 3: actions under way end and are recorded, and the ledger has what was sent or committed before. A plan names what is missing. */
export async function drain(flow: Flow): Promise<void> {
  title(flow, 'Drain and watermark');
  const progress = progressLine(flow.world.err);
  const end = performance.now() + flow.given.waitMs;
  let running = await runningCount(flow);
  while (running > 0 && performance.now() < end) {
    progress.note(`Waiting for ${actionsText(running)} to end and to be recorded ...`);
    await delay(POLL_MS, flow.world.signal);
    throwIfStopped(flow);
    running = await runningCount(flow);
  }
  progress.done();
  say(flow, running === 0 ? 'No action is running.' : `${actionsText(running)}: recant actions list --outcome open`);
  await waitForRecord(flow.client, Math.max(0, end - performance.now()), progress).finally(() => progress.done());
  throwIfStopped(flow);
}

const actionsText = (running: number): string =>
  running > RUNNING_SHOWN_MAX ? `more than ${RUNNING_SHOWN_MAX} running actions` : count(running, 'running action');

async function runningCount({ client, freezes }: Flow): Promise<number> {
  let running = 0;
  for (const { scope, value } of freezes) {
    if (value === undefined || (scope !== 'agent' && scope !== 'session' && scope !== 'tool')) continue;
    const page = await client.attempts({ [scope]: [value], outcome: ['open'] }, { limit: RUNNING_SHOWN_MAX });
    running += page.items.length + (page.next === undefined ? 0 : 1);
  }
  return running;
}
