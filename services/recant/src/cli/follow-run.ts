import type { RunProgressView, RunView } from '@recant/api';
import { progressText } from '../render/progress.ts';
import { hasStopped } from '../render/run.ts';
import { progressLine } from '../terminal/progress.ts';
import type { Session, World } from '../terminal/session.ts';

/** Milliseconds between two lines about the same state where they are not overwritten. */
const LINE_MS = 5_000;

/** Shows progress until the run ends or waits for a person. Ctrl-C ends watching, not the run. */
export async function follow(world: World, session: Session, started: RunView): Promise<RunView> {
  if (hasStopped(started)) return started;
  await watch(world, session, started.id, hasStopped);
  const now = session.client.run(started.id);
  return world.signal.aborted ? now.catch(() => started) : now;
}

/** Shows progress until `isOver`, or Ctrl-C. @param onProgress instead of lines */
export async function watch(
  { err, signal, nowMs }: World,
  { client }: Session,
  run: string,
  isOver: (progress: RunProgressView) => boolean,
  onProgress?: (progress: RunProgressView) => void,
): Promise<void> {
  const line = progressLine(err);
  const tty = (err as NodeJS.WriteStream).isTTY === true;
  const note = onProgress ?? sparing(tty ? 0 : LINE_MS, nowMs, (progress) => line.note(progressText(progress, tty)));
  try {
    for await (const progress of client.followRun(run, { signal })) {
      note(progress);
      if (isOver(progress)) return;
    }
  } finally {
    line.done();
  }
}

/** Lines that are not overwritten fill logs: only those with another state or another cause to wait, and one in a while. */
function sparing(everyMs: number, nowMs: () => number, note: (progress: RunProgressView) => void): (progress: RunProgressView) => void {
  let shown = '';
  let atMs = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const about = `${progress.state} ${progress.waits[0]?.detail}`;
    if (about === shown && nowMs() - atMs < everyMs) return;
    shown = about;
    atMs = nowMs();
    note(progress);
  };
}
