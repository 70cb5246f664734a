import { ApiFault, STREAM_SECONDS_MAX, watchRun } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { ReadRunProgress } from '@recant/store';
import { createRunWatches } from './run-watches.ts';

/** Live progress of runs. @param everyMs milliseconds between two reads of a watched run */
export function watchRunRoute(read: ReadRunProgress, everyMs?: number): BoundRoute {
  const watches = createRunWatches(read, everyMs);
  return handle(watchRun, async ({ caller, params, query, headers }) => {
    const viewer = await watches.open(caller.tenant, params.run, headers['last-event-id']);
    if (!viewer) throw new ApiFault('run_unknown', `Unknown run ${JSON.stringify(params.run)}.`);
    const { seconds = STREAM_SECONDS_MAX } = query;
    if (!viewer.isOver) return { status: 200, body: { durationMs: seconds * 1_000, next: viewer.next, close: viewer.close } };
    viewer.close();
    return { status: 204 };
  });
}
