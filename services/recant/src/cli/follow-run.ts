import type { RunView } from '@recant/api';
import { hasStopped } from '../render/run.ts';
import { delay } from '../terminal/delay.ts';
import { printable } from '../terminal/output.ts';
import { progressLine } from '../terminal/progress.ts';
import type { Session, World } from '../terminal/session.ts';

const POLL_MS = 200;

/** Polls until the run ends or waits for a person. Ctrl-C stops polling, not the run. */
export async function follow(world: World, session: Session, started: RunView): Promise<RunView> {
  const progress = progressLine(world.err);
  let run = started;
  while (!hasStopped(run) && !world.signal.aborted) {
    const ended = run.stepList.filter((step) => step.state === 'ended').length;
    const [wait] = run.waits;
    const waits = wait === undefined ? '' : `. Waits: ${printable(wait.detail)}`;
    progress.note(`Run ${run.id}: ${run.state}, ${ended} of ${run.steps} steps${waits}`);
    await delay(POLL_MS, world.signal);
    if (!world.signal.aborted) run = await session.client.run(run.id);
  }
  progress.done();
  return run;
}
