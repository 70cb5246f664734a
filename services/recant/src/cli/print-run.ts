import type { RunView } from '@recant/api';
import { wholeRun } from '@recant/client';
import { hasStopped, runText } from '../render/run.ts';
import { json } from '../terminal/output.ts';
import type { Session, World } from '../terminal/session.ts';

/** The account; for a run that is still open and was watched, last a notice that it continues. */
export async function printRun(world: World, session: Session, run: RunView, detached: boolean): Promise<void> {
  const whole = await wholeRun(session.client, run);
  world.out.write(session.json ? json(whole) : runText(whole, session.paint));
  if (!detached && !hasStopped(run)) world.err.write(`Run ${run.id} continues in the service. Next: recant status ${run.id} --wait\n`);
}
