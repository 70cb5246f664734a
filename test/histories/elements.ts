/** What a history is made of: who does what in which transaction, what agents say of it, and what is selected for the undo. */
import type { Kind } from './kinds.ts';
import type { Op } from './statements.ts';

export type Alter =
  | { readonly kind: 'add'; readonly column: string; readonly value: string }
  | { readonly kind: 'drop'; readonly column: string }
  | { readonly kind: 'retype'; readonly column: string }
  | { readonly kind: 'rename'; readonly column: string; readonly to: string }
  | { readonly kind: 'move'; readonly to: string };

/** What a plan does about conflicts. */
export type Mode = 'refuse' | 'skip' | 'cascade' | 'force';

/** Who runs a transaction: an agent for an attempt of its own, an agent's login without a name, or a person. */
export type Actor =
  | { readonly is: 'agent'; readonly agent: number; readonly attempt: number }
  | { readonly is: 'role' }
  | { readonly is: 'person' };
export interface Transaction {
  readonly actor: Actor;
  /** After which statement the name is set (0: before the first). */
  readonly namedAfter: number;
  readonly end: 'commit' | 'rollback' | 'die' | 'prepare' | 'open';
  /** Names an attempt of an agent of another login first. */
  readonly usurps: boolean;
}
/**
 * What an agent says about one attempt: the truth, by itself or through the SDK, nothing at all, effects that it invented, two outcomes, a count that does not fit, or no outcome: before the
 * deadline or after it, because it died or because its key was revoked.
 */
export type Says = 'truth' | 'sdk' | 'failed' | 'nothing' | 'invented' | 'both' | 'miscounted' | 'no end yet' | 'no end' | 'revoked';
export type Step =
  | { readonly do: 'limit'; readonly reached: boolean }
  | { readonly do: 'begin' | 'end' | 'savepoint' | 'rollback to' | 'release'; readonly transaction: number }
  | { readonly do: 'op'; readonly transaction: number; readonly op: Op }
  | { readonly do: 'alter'; readonly alter: Alter };
export interface Script {
  readonly seed: number;
  readonly kinds: ReadonlySet<Kind>;
  readonly transactions: readonly Transaction[];
  readonly steps: readonly Step[];
  readonly says: ReadonlyMap<string, Says>;
  readonly selection: Selection;
  /** A person plans without open transactions, in mode `refuse`. */
  readonly withoutOpen: boolean;
  /** A person accepts what was not captured, before the plan. */
  readonly accepts: boolean;
}
/** Attempts by \`agent/n\` or, of a login, \`login/transaction\`. */
export type Selection =
  | { readonly by: 'attempts'; readonly attempts: readonly string[] }
  | { readonly by: 'agents'; readonly agents: readonly number[] }
  | { readonly by: 'logins'; readonly logins: readonly string[] }
  | { readonly by: 'everything' };

/** Agents 1 and 2 share a login. */
export const AGENTS = 3;
export const loginOf = (agent: number): number => Math.min(agent, 1);
