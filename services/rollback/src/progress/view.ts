import { type RunProgressView, STUCK_CODES_MAX } from '@recant/api';
import type { StoredRunProgress } from '@recant/store';
import { waitBodies } from '../wait-bodies.ts';

export function viewOfProgress({ id, waits, createdAtMs, finishedAtMs, stuck, atMs: _atMs, ...rest }: StoredRunProgress): RunProgressView {
  return {
    run: id,
    ...rest,
    stuck: stuck.slice(0, STUCK_CODES_MAX),
    waits: waitBodies(waits),
    createdAt: new Date(createdAtMs).toISOString(),
    ...(finishedAtMs === undefined ? {} : { finishedAt: new Date(finishedAtMs).toISOString() }),
  };
}
