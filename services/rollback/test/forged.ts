import type { AttemptIntended, Effect } from '@recant/events';
import type { Stage } from './harness.ts';
import { HijackedAgent, newAction } from './hijacked.ts';

export interface Forged {
  readonly action: string;
  readonly source: string;
  /** Codes of the events that the ledger refused. */
  readonly refused: readonly string[];
}

export interface Forgery {
  readonly apiKey: string;
  readonly agent: string;
  readonly effects: readonly Effect[];
  readonly source?: string;
  readonly intent?: Partial<AttemptIntended>;
}

/** A whole attempt forged by a hijacked agent: well formed, with invented effects. */
export async function forge(stage: Stage, { effects, intent = {}, ...who }: Forgery): Promise<Forged> {
  const agent = new HijackedAgent(stage, who);
  const action = newAction();
  const refused = await agent.send(agent.intended(action, intent), agent.effects(action, effects), agent.settled(action, effects));
  return { action, source: agent.source, refused };
}
