import { uuidv7 } from '@recant/events';
import { RecantError } from '../error.ts';
import type { ActionOptions } from './action-input.ts';

/** Number of actions whose last attempt is remembered for `retryOf`. */
const REMEMBERED_MAX = 10_000;

/** Assigns action ids and attempt numbers. The returned function throws RecantError `options_invalid`. */
export function createNumbering(clock: () => number, random: (bytes: number) => Uint8Array) {
  const lastAttempts = new Map<string, number>();
  return ({ retryOf }: Pick<ActionOptions, 'retryOf'>): { readonly action: string; readonly attempt: number } => {
    const action = retryOf?.action ?? uuidv7(clock(), random(16));
    const last = retryOf === undefined ? 0 : (retryOf.attempt ?? lastAttempts.get(action));
    if (last === undefined)
      throw new RecantError('options_invalid', 'retryOf.attempt is required: this recorder has no attempt of that action.');
    const attempt = last + 1;
    lastAttempts.delete(action);
    lastAttempts.set(action, attempt);
    if (lastAttempts.size > REMEMBERED_MAX) lastAttempts.delete(lastAttempts.keys().next().value as string);
    return { action, attempt };
  };
}
