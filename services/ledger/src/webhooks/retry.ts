import type { Answer } from './post.ts';

const FIRST_MS = 5_000;
const LONGEST_MS = 300_000;

/** Any 2xx. */
export const isAccepted = ({ status }: Pick<Answer, 'status'>): boolean => status >= 200 && status < 300;

/**
 * Milliseconds until the next attempt: 5 s, doubled with each failure up to 5 minutes, of which a random part of up to a half is left out. What the receiver asks for
 * (`retry-after`) is respected within the same limit.
 * @param tries failed ones, at least 1
 * @param random from 0 to 1
 */
export function retryDelayMs(tries: number, random: number, askedMs = 0): number {
  const backoff = Math.min(FIRST_MS * 2 ** Math.min(tries - 1, 16), LONGEST_MS);
  return Math.round(Math.max(backoff * (1 - random / 2), Math.min(askedMs, LONGEST_MS)));
}
