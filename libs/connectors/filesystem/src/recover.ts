import { conclude } from './capture/perform.ts';
import type { LockedStore } from './store/locked-store.ts';
import { resumePlan } from './undo/apply.ts';

/** Completes or takes back what a killed process had begun. Under the lock, before any other work. */
export async function recover(locked: LockedStore): Promise<void> {
  const { open } = locked.history;
  if (open?.k === 'do') await conclude(locked, open);
  if (open?.k === 'plan') await resumePlan(locked, open);
}
