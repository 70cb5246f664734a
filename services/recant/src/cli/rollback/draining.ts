import type { AttemptBody } from '@recant/api';
import { delay } from '../../terminal/delay.ts';
import { count, printable } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { clockTime } from '../../terminal/time.ts';
import { waitForRecord } from '../wait-for-record.ts';
import { type Flow, say, throwIfStopped, title } from './flow.ts';

const POLL_MS = 300;
const RUNNING_SHOWN_MAX = 100;

/** Steps 2 and 3: actions under way end and are recorded, and the ledger has what was sent or committed before. A plan names what is missing. */
export async function drain(flow: Flow): Promise<void> {
  title(flow, 'Drain and watermark');
  const progress = progressLine(flow.world.err);
  const end = performance.now() + flow.given.waitMs;
  let running = await runningOf(flow);
  while (running.count > 0 && performance.now() < end) {
    progress.note(`Waiting for ${actionsText(running.count)} to end and to be recorded ...`);
    await delay(POLL_MS, flow.world.signal);
    throwIfStopped(flow);
    running = await runningOf(flow);
  }
  progress.done();
  say(flow, running.count === 0 ? 'No action is running.' : runningText(running));
  await waitForRecord(flow.client, Math.max(0, end - performance.now()), progress).finally(() => progress.done());
  throwIfStopped(flow);
}

const actionsText = (running: number): string =>
  running > RUNNING_SHOWN_MAX ? `more than ${RUNNING_SHOWN_MAX} running actions` : count(running, 'running action');

interface RunningActions {
  readonly count: number;
  /** The first of them. */
  readonly first?: AttemptBody;
}

function runningText({ count: running, first }: RunningActions): string {
  const settle =
    first === undefined
      ? ''
      : `\n${first.agent}'s ${first.tool} has not ended${first.deadline === undefined ? '' : `; it can be settled from ${clockTime(Date.parse(first.deadline))}`}, or once its process has ended: recant actions settle ${first.action} --as failed|succeeded --reason TEXT`;
  return printable(`${actionsText(running)}: recant actions list --outcome open`) + settle.split('\n').map(printable).join('\n');
}

async function runningOf({ client, freezes }: Flow): Promise<RunningActions> {
  let running = 0;
  let first: AttemptBody | undefined;
  for (const { scope, value } of freezes) {
    if (value === undefined || (scope !== 'agent' && scope !== 'session' && scope !== 'tool')) continue;
    const page = await client.attempts({ [scope]: [value], outcome: ['open'] }, { limit: RUNNING_SHOWN_MAX });
    running += page.items.length + (page.next === undefined ? 0 : 1);
    first ??= page.items[0];
  }
  return { count: running, ...(first && { first }) };
}
