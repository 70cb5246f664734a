import type { Rule } from './rules.ts';

/** One broken rule, at one place. */
export interface Violation {
  readonly code: Rule;
  readonly shard: number;
  readonly index?: bigint;
  readonly detail: string;
}
/** Collects, or ends the verification by throwing. */
export type Report = (violation: Violation) => void;
