import type { PlanRepeatsBody } from '@recant/api';
import { ApiError, type Client, ConnectionError } from '@recant/client';
import { repeatsText } from '../render/repeats.ts';
import type { Session } from '../terminal/session.ts';

/** Probable repeats among the attempts of a plan. Undefined where they cannot be read: what else is known of the plan is shown all the same. */
export async function planRepeats(client: Pick<Client, 'planRepeats'>, plan: string): Promise<PlanRepeatsBody | undefined> {
  return client.planRepeats(plan).catch((error: unknown) => {
    if (error instanceof ApiError || error instanceof ConnectionError) return undefined;
    throw error;
  });
}

/** As a section of a text; empty where there is nothing to say. */
export async function planRepeatsText({ client, paint }: Pick<Session, 'client' | 'paint'>, plan: string): Promise<string> {
  const found = await planRepeats(client, plan);
  return found === undefined
    ? 'Probable repeats could not be read; look at them later with `recant explain PLAN`.\n'
    : repeatsText(found, paint);
}
