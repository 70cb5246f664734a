import { conclude } from './act.ts';
import { endPlan } from './apply.ts';
import type { Held } from './store.ts';

/** Ends what somebody who died had begun. Under the lock, before anything else. */
export async function recover(held: Held): Promise<void> {
  const { open } = held.history;
  if (open?.k === 'do') await conclude(held, open);
  if (open?.k === 'plan') await endPlan(held, open);
}
