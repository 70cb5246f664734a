import type { RunView } from '@recant/api';
import { hasStopped, runText } from '../render/run.ts';
import { json } from '../terminal/output.ts';
import type { Session, World } from '../terminal/session.ts';

/** The account; for a run that is still open and was watched, last a notice that it continues. */
export function printRun(world: World, session: Session, run: RunView, detached: boolean): void {
  world.out.write(session.json ? json(run) : runText(run, session.paint));
  if (!detached && !hasStopped(run)) world.err.write(`Run ${run.id} continues in the service. Next: recant status ${run.id} --wait\n`);
}
