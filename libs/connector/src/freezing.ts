import type { OpenTransaction } from './drain.ts';

/** A freeze that a system enforces itself: the agent's own logins there can write no more. */
export interface TargetFreeze {
  readonly id: string;
  /** Undefined: every agent. */
  readonly agent?: string;
  /** Sources of the agent. A login that named one of them, or may name only such sources, is frozen, too, also if it is registered for another agent. */
  readonly sources: readonly string[];
  /** Shown to the frozen login. */
  readonly reason: string;
  /** Milliseconds since 1970, UTC. */
  readonly expiresAtMs?: number;
}

/** How far a system is with a freeze. */
export interface FreezeStanding {
  readonly id: string;
  /** Nothing that these logins do takes effect any more: what they had open when the freeze was set has ended. */
  readonly effective: boolean;
  readonly logins: readonly string[];
  /** What was open when the freeze was set, and still is: it may take effect. */
  readonly open: readonly OpenTransaction[];
  /** Tables that these logins may write and that are not captured: nothing is refused there. At most TABLES_SHOWN_MAX are named. */
  readonly unfrozen: { readonly count: number; readonly shown: readonly string[] };
  /** Why open transactions could not be ended. */
  readonly problem?: string;
}

/** Present if the system can refuse the writes of an agent's logins. */
export interface Freezing {
  /**
   * Makes exactly these freezes hold, and ends what they find open where the login may. Idempotent; an instance remembers what was open at its first call.
   * @throws ConnectorError `unreachable`, `read_only`
   */
  enforce(freezes: readonly TargetFreeze[]): Promise<readonly FreezeStanding[]>;
}
