import type { AgentRole } from './grants.ts';
import type { QueueLimits } from './limits-sql.ts';
import type { SubjectPattern } from './subjects.ts';

export interface PrepareOptions {
  /** Connection URL of a login that owns the tables. */
  readonly url: string;
  /** Name of the system: the authority of its resource URIs. */
  readonly system: string;
  /** `schema.table`; default: every ordinary or partitioned table outside system schemas. */
  readonly tables?: readonly string[];
  /** Logins of agents. A login with a prefix may only name sources that start with it; any login keeps the sources it named first. */
  readonly agentRoles: readonly AgentRole[];
  /** `schema.table.column` that the target computes, beside those that are recognised: neither a part, nor guarded, nor written back. */
  readonly derived?: readonly string[];
  /** `schema.table.column` that are recognised as derived and are not: guarded and written back like any other. */
  readonly notDerived?: readonly string[];
  /** `schema.table` of append-only records of what happened: their rows are never undone. */
  readonly history?: readonly string[];
  /** Existing login that inverses use, and nothing else. Default: the owner's. */
  readonly undoLogin?: string;
  /** Existing login that reads the capture. Default: the owner's. */
  readonly drainLogin?: string;
  /** Lets the login that reads the capture end sessions (pg_signal_backend), so that a freeze ends what an agent has open. Default: as before, at first no. */
  readonly endTransactions?: boolean;
  /** Ledger and tenant that capture the database: another one is refused from then on. */
  readonly ledger?: string;
  /** Takes the database over from another ledger, or under another name. */
  readonly takeOver?: boolean;
  /** Takes the right to TRUNCATE captured tables from agents' logins. */
  readonly revokeTruncate?: boolean;
  /** The redaction rule that would mask this resource. */
  readonly ruleFor?: (resource: string) => string | undefined;
  /** Whose data the rows of a table are, for erasure. Default: as before, at first nobody's. */
  readonly subjects?: readonly SubjectPattern[];
  /** Days after which captured changes are deleted, so that attempts before can no longer be undone. 0: never. Default: as before, at first never. */
  readonly imagesDays?: number;
  /** Limits of the queue of captured changes; default: as before, at first 4 and 8 GiB. */
  readonly queue?: Partial<QueueLimits>;
  /** How long a lock is waited for in all, for each table, in milliseconds. */
  readonly patienceMs?: number;
}
