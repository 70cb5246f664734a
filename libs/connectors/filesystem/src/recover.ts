import { conclude } from './capture/perform.ts';
import type { LockedStore } from './store/locked-store.ts';
import { endPlan } from './undo/apply.ts';

/** Ends what somebody who died had begun. Under the lock, before anything else. */
export async function recover(locked: LockedStore): Promise<void> {
  const { open } = locked.history;
  if (open?.k === 'do') await conclude(locked, open);
  if (open?.k === 'plan') await endPlan(locked, open);
}
