import type { Settings } from '../settings.ts';
import type { FenceQuestion, LeaseAnswer } from '../transport.ts';
import type { FenceRule } from './fence-rule.ts';

/** Digits of a call's key in the answer to a lease. */
const KEY_DIGITS = 16;

/** Calls that a fence may stop, for a recorder whose intents nobody answers. */
export interface FenceKeys {
  /** What a request for a lease says, so that its answer has the keys. */
  readonly wanted: { readonly fences?: true };
  learn(answer: LeaseAnswer): void;
  /** Asks the ledger only about calls that may be fenced. @returns the fence that stops the call. @throws TransportError */
  ask(call: FencedCall, signal: AbortSignal): Promise<FenceRule | undefined>;
}

/** `key`: see `callKey`. */
export type FencedCall = Pick<FenceQuestion, 'action' | 'attempt'> & { readonly key: string | undefined };

export function createFenceKeys({ transport, source, agent }: Pick<Settings, 'transport' | 'source' | 'agent'>): FenceKeys {
  let keys: ReadonlySet<string> = new Set();
  return {
    wanted: transport.askFence === undefined ? {} : { fences: true },
    learn({ fences }) {
      if (fences !== undefined) keys = new Set(fences);
    },
    async ask({ key, action, attempt }, signal) {
      if (key === undefined || !keys.has(key.slice(0, KEY_DIGITS))) return undefined;
      return transport.askFence?.({ source, agent, action, attempt, call: key }, signal);
    },
  };
}
