import type { RunSummaryView } from '@recant/api';
import type { StoredRun } from '@recant/store';

/** What a run waits for, as the API shows it. */
export function waitBodies(waits: StoredRun['waits']): RunSummaryView['waits'] {
  return waits.map(({ sinceMs, untilMs, ...wait }) => ({
    ...wait,
    ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
    ...(untilMs === undefined ? {} : { next: new Date(untilMs).toISOString() }),
  }));
}
