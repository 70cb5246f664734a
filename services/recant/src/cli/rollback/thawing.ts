import type { FreezeBody } from '@recant/api';
import { ApiError } from '@recant/client';
import { scopeText } from '../../render/freeze.ts';
import { choose, type Flow } from './flow.ts';

/** Step 8: the last act. Without an answer or `--thaw`, everything stays frozen. */
export async function thaw(flow: Flow): Promise<void> {
  const inForce = flow.freezes.filter(({ ended }) => ended === undefined);
  if (inForce.length === 0 || !(await isWanted(flow, inForce))) return;
  const reason = flow.reason ?? 'rolled back';
  const after: FreezeBody[] = [];
  for (const freeze of flow.freezes) after.push(inForce.includes(freeze) ? await end(flow, freeze, reason) : freeze);
  flow.freezes = after;
}

async function isWanted(flow: Flow, inForce: readonly FreezeBody[]): Promise<boolean> {
  if (flow.given.thaw) return true;
  if (!flow.interactive || flow.given.yes) return false;
  const question = `Let ${inForce.map(scopeText).join(', ')} start actions again?`;
  return (await choose(flow, question, { y: 'thaw', n: 'stay frozen' })) === 'y';
}

/** Another operator may have ended it, or its time is over. */
async function end(flow: Flow, freeze: FreezeBody, reason: string): Promise<FreezeBody> {
  try {
    return await flow.client.thaw(freeze.freeze, reason);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'freeze_ended') throw error;
    return flow.client.freezeProgress(freeze.freeze);
  }
}
