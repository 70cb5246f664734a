/** Milliseconds, for each connection of a pool. The server enforces the first three, this process the last. */
export interface SessionLimits {
  /** Wait for one lock. */
  readonly lockMs: number;
  /** One statement. */
  readonly statementMs: number;
  /** Pause within a transaction: a stopped process keeps its locks for no longer. */
  readonly idleInTransactionMs: number;
  /** From checkout to release; then the connection is closed, so that a half-open one is noticed. */
  readonly leaseMs: number;
}

const SECOND = 1_000;
/** Waits are shorter than a client's patience: a log or key that somebody else has locked is a 503 with a retry. */
export const COMMIT_LIMITS: SessionLimits = limits(3, 15, 10, 20);
/** One window of a log's entries. */
export const PROJECT_LIMITS: SessionLimits = limits(3, 30, 10, 60);
export const LOOKUP_LIMITS: SessionLimits = limits(3, 5, 5, 5);
/** Ending a key waits for the appends under it, at most COMMIT_LIMITS. */
export const KEYS_LIMITS: SessionLimits = limits(15, 20, 10, 30);
/** One log's turn. The next round begins after the last one: a connection that hangs delays the checkpoints of all logs. */
export const PUBLISH_LIMITS: SessionLimits = limits(5, 30, 30, 60);
export const WORK_LIMITS: SessionLimits = limits(10, 60, 60, 300);
/** Reads of whole logs: exports, audits, plans. */
export const LONG_LIMITS: SessionLimits = limits(10, 600, 3_600, 86_400);

function limits(lock: number, statement: number, idle: number, lease: number): SessionLimits {
  return { lockMs: lock * SECOND, statementMs: statement * SECOND, idleInTransactionMs: idle * SECOND, leaseMs: lease * SECOND };
}
