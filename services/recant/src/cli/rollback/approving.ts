import type { PlanView } from '@recant/api';
import { approvalText } from '../../render/approval.ts';
import { delay } from '../../terminal/delay.ts';
import { EXIT } from '../../terminal/exit.ts';
import { printable } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { choose, type Flow, say, stopped, throwIfStopped, title } from './flow.ts';

const POLL_MS = 1_000;
/** Limit of one more wait that an operator asks for: an approval is valid for an hour by default. */
const WAIT_AGAIN_MS = 3_600_000;

/** Step 5: another person's approval, where the service requires one. @returns the plan, approved */
export async function untilApproved(flow: Flow, plan: PlanView): Promise<PlanView> {
  title(flow, 'Approve');
  let current = plan;
  if (isWanted(plan) && !flow.breakGlass) await flow.client.askApproval(plan.id);
  for (let waitMs = flow.given.approvalWaitMs; ; waitMs = flow.breakGlass ? 0 : WAIT_AGAIN_MS) {
    if (isWanted(current) && flow.breakGlass) {
      say(flow, 'Going on without it (--break-glass): another person reviews the run.');
      return current;
    }
    if (isWanted(current)) say(flow, `${approvalText(current, flow.session.paint)}\n${approversText(current)}`);
    current = await watch(flow, current, waitMs);
    if (!isWanted(current)) {
      say(flow, approvalText(current, flow.session.paint) || 'Not needed.');
      return current;
    }
    if (!flow.interactive) throw stopped(flow, EXIT.refused, 'Not approved: nothing was undone.');
    const answer = await choose(flow, 'Not approved yet.', { w: 'wait for it', b: 'break glass: run without it, on record', q: 'stop' });
    if (answer === 'b') flow.breakGlass = true;
    if (answer === 'q') throw stopped(flow, EXIT.refused, 'Stopped: nothing was undone.');
  }
}

const isWanted = ({ approval }: PlanView): boolean => approval.state !== 'not_needed' && approval.state !== 'approved';

/** Who may approve, and how. */
function approversText({ id, digest, by, approval: { authors = [] } }: PlanView): string {
  if (authors.length === 0)
    return `Nobody can approve this plan: key ${printable(by)} made it, and nobody is on record for that key. Plan again as a person or with a key of one (recant keys list).`;
  return [
    `Who may approve: any person with the role approve, except ${printable(authors.join(' and '))}, who may have made this plan. Keys cannot.`,
    `They review and approve it: recant approve ${id}`,
    `Digest ${digest}`,
  ].join('\n');
}

async function watch(flow: Flow, plan: PlanView, waitMs: number): Promise<PlanView> {
  const progress = progressLine(flow.world.err);
  let current = plan;
  for (const end = performance.now() + waitMs; isWanted(current) && performance.now() < end; ) {
    progress.note(`Waiting for an approval of plan ${plan.id} ...`);
    await delay(POLL_MS, flow.world.signal);
    throwIfStopped(flow);
    current = await flow.client.plan(plan.id);
  }
  progress.done();
  return current;
}
