/**
 * The drain of a target that captures by itself: moves what the target captured to the ledger, as events with attested effects.
 *
 * A batch is stored in the target with its exact bytes before it is sent, so that a crash between any two steps, and any number of concurrent
 * drains, send the same bytes under the same numbers. The caller sends the batch, then confirms it, then asks for the next.
 */
export interface Drain {
  /** Whether `next` certainly has nothing to send. Reads only. */
  isIdle(nowMs: number): Promise<boolean>;
  /**
   * The oldest unconfirmed batch, or a new one over what was committed before the call.
   * @throws ConnectorError `unreachable`; `tail_lost`: the ledger has recorded more than the target remembers, a person has to decide
   */
  next(context: DrainContext): Promise<DrainState>;
  /** The ledger acknowledged every event of the batch. Idempotent. */
  confirm(batch: DrainBatch): Promise<void>;
  /**
   * Transactions with captured changes that registered logins have not ended. They delay nothing.
   * @param of only those of logins that belong to one of these agents (undefined: to any), or that belong to one of these sources; default: all
   */
  openTransactions(of?: {
    readonly agents?: readonly string[] | undefined;
    readonly sources: readonly string[];
  }): Promise<readonly OpenTransaction[]>;
  /**
   * Ends the session of such a transaction, which rolls it back. @returns undefined: it is not open any more
   * @throws ConnectorError `permission_denied`
   */
  endTransaction(pid: number): Promise<OpenTransaction | undefined>;
}

export interface DrainContext {
  /** Sources of the drain are `<sourcePrefix>/system/<name>/<capture epoch>`. */
  readonly sourcePrefix: string;
  /** Milliseconds since 1970, UTC. */
  readonly nowMs: number;
  /** Highest number that the ledger has recorded of a source; 0: none. Asked once for each start of the target's server. */
  recorded(source: string): Promise<number>;
}

export interface DrainState {
  /** Absent: everything that was committed before the call is confirmed. */
  readonly batch?: DrainBatch;
  /** Position of the last transaction absorbed and not yet confirmed. */
  readonly absorbed: bigint;
}

export interface DrainBatch {
  readonly number: bigint;
  /** Canonical bytes of consecutive events. */
  readonly events: readonly Uint8Array[];
  /** Once this batch is confirmed, every transaction up to this position is. */
  readonly through: bigint;
}

export interface OpenTransaction {
  readonly login: string;
  /** Agent that the login is registered for. */
  readonly agent: string;
  /** Process id, or the name of a prepared transaction. */
  readonly pid?: number;
  readonly gid?: string;
  /** Age in milliseconds; absent if the target hides it from the login of the drain. */
  readonly ageMs?: number;
}
