import type { Rule } from './rules.ts';

/** One broken rule at one place. */
export interface Violation {
  readonly code: Rule;
  readonly shard: number;
  readonly index?: bigint;
  readonly detail: string;
}
/** Receives a violation; may throw to end the verification. */
export type Report = (violation: Violation) => void;
