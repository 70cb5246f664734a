import { BATCH_EVENTS_MAX } from '@recant/events';
import { type Appender, type KafkaPosition, LedgerTampered, type LogKey, type Receipt, type Submission } from '@recant/ledger';
import type pg from 'pg';
import { serverOf } from '../access/pool.ts';
import { StoreError, StoreUnavailable } from '../error.ts';
import { judgeBatches } from './batches.ts';
import { findRefused } from './bisect.ts';
import { Continuity } from './continuity.ts';
import type { Failpoints } from './failpoint.ts';
import { heldItem, holdSources } from './held.ts';
import { type DeadItem, type EventItem, type Item, refuseItem, toItem } from './item.ts';
import { createLogs, logKeyOf } from './lock-logs.ts';
import { Repeats } from './repeats.ts';
import { SourceNumbers } from './sources.ts';
import { isOfOneLog, isRecordFault, isTransient, isUniqueViolation } from './sql-state.ts';
import { type AppendContext, appendInTransaction, logKeys } from './transaction.ts';

export interface AppenderOptions {
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Shards per tenant; fixed by the first entry of each log. */
  readonly shards: number;
  /** The operator's tenant: dead letters of unknown senders, and Kafka positions. */
  readonly systemTenant: string;
  readonly failpoints?: Failpoints | undefined;
  readonly guard?: AppendGuard;
}

export interface AppendGuard {
  /** Called for every log of a batch before anything is written. @throws LedgerTampered if nothing may be appended to it */
  admit(log: LogKey): Promise<void>;
  /** Another copy of the database is in use, after a failover or a restore: nothing known of the logs counts. */
  forget(): void;
}

/** What was read from, or committed to, one copy of the database. */
interface Known {
  readonly server: string;
  readonly sources: SourceNumbers;
  readonly continuity: Continuity;
  readonly repeats: Repeats;
  readonly logs: Set<string>;
}
/** One batch. */
interface Work {
  readonly batch: readonly Submission[];
  readonly items: readonly Item[];
  readonly known: Known;
  readonly position?: KafkaPosition;
}
/** Milliseconds for which a stuck log's messages are held without another try: each try may wait for a lock. */
const STUCK_MS = 5_000;
/** Logs that are remembered as created. */
const LOGS_MAX = 100_000;
/** Logs that are checked at once. */
const ADMITTED_AT_ONCE = 3;

/** Serialisation failures, deadlocks and keys inserted meanwhile are retried: the next try sees what changed. */
const TRIES_MAX = 5;

/** The ledger's commit point on PostgreSQL. Guarantees: see `Appender`. */
export function createAppender(pool: pg.Pool, options: AppenderOptions): Appender {
  const batches = new BatchAppender(pool, options);
  return { append: (batch, position) => batches.append(batch, position) };
}

class BatchAppender {
  readonly #pool: pg.Pool;
  readonly #options: AppenderOptions;
  #known: Known | undefined;
  /** Logs that were locked or broken a moment ago, until when they are not tried (`performance.now()`). */
  readonly #stuck = new Map<string, number>();

  constructor(pool: pg.Pool, options: AppenderOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  async append(batch: readonly Submission[], position?: KafkaPosition): Promise<readonly Receipt[]> {
    if (batch.length > BATCH_EVENTS_MAX)
      throw new RangeError(`batch too large: expected at most ${BATCH_EVENTS_MAX} messages, got ${batch.length}`);
    const found = batch.map((submission) => toItem(submission, this.#options));
    const items = holdSources(judgeBatches(batch, found, this.#options));
    if (position === undefined && items.every(({ kind }) => kind === 'refused')) return items.map(refusedReceipt);
    const client = await connect(this.#pool);
    let failure: Error | undefined;
    try {
      const known = this.#knownOf(client);
      if (position !== undefined) return await this.#appendHolding(client, { batch, items, known, position });
      await this.#admit(logKeys(items));
      return await this.#commit(client, { batch, items, known });
    } catch (error) {
      failure = error as Error;
      throw asStoreError(error);
    } finally {
      // A connection that failed is closed, not returned to the pool.
      client.release(failure !== undefined && !(failure instanceof StoreError || failure instanceof LedgerTampered));
    }
  }

  /** Messages whose log accepts nothing now are held, so that one log stops no partition. */
  async #appendHolding(client: pg.ClientBase, work: Work & { readonly position: KafkaPosition }): Promise<readonly Receipt[]> {
    const closed = new Set(await this.#findClosed(logKeys(work.items)));
    const open = { ...work, items: holdLogs(work.items, closed) };
    try {
      return await this.#commit(client, open);
    } catch (error) {
      if (!isOfOneLog(error)) throw error;
      for (const log of logKeys(open.items)) if (await this.#isStuck(client, open, log)) closed.add(logKeyOf(log));
      const until = performance.now() + STUCK_MS;
      for (const log of closed) this.#stuck.set(log, until);
      return await this.#commit(client, { ...work, items: holdLogs(work.items, closed) });
    }
  }

  /** Logs that the guard rejects, or that were stuck a moment ago. */
  async #findClosed(logs: readonly LogKey[]): Promise<readonly string[]> {
    const now = performance.now();
    for (const [log, until] of this.#stuck) if (until < now) this.#stuck.delete(log);
    const closed = await Promise.all(
      logs.map(async (log) => {
        if (this.#stuck.has(logKeyOf(log))) return [logKeyOf(log)];
        const tampered = await this.#admit([log]).then(
          () => false,
          (error) => {
            if (error instanceof LedgerTampered) return true;
            throw error;
          },
        );
        return tampered ? [logKeyOf(log)] : [];
      }),
    );
    return closed.flat();
  }

  async #isStuck(client: pg.ClientBase, { items, known }: Work, log: LogKey): Promise<boolean> {
    const own = items.filter((item) => hasLog(item) && logKeyOf(item) === logKeyOf(log));
    try {
      await appendInTransaction(client, own, undefined, this.#contextOf(known), true);
      return false;
    } catch (error) {
      if (error instanceof LedgerTampered || isOfOneLog(error)) return true;
      if (isRecordFault(error)) return false;
      throw error;
    }
  }

  /** A transaction that began on another copy adds to that copy's knowledge, which nobody reads any more. */
  #knownOf(client: pg.ClientBase): Known {
    const server = serverOf(client);
    if (this.#known?.server === server) return this.#known;
    if (this.#known !== undefined) this.#options.guard?.forget();
    this.#known = { server, sources: new SourceNumbers(), continuity: new Continuity(), repeats: new Repeats(), logs: new Set() };
    return this.#known;
  }

  async #admit(logs: readonly LogKey[]): Promise<void> {
    const { guard } = this.#options;
    if (guard === undefined) return;
    const queue = [...logs];
    const worker = async (): Promise<void> => {
      for (let log = queue.shift(); log !== undefined; log = queue.shift()) await guard.admit(log);
    };
    await Promise.all(Array.from({ length: ADMITTED_AT_ONCE }, worker));
  }

  #contextOf(known: Known): AppendContext {
    return { ...this.#options, ...known, failpoints: this.#options.failpoints ?? (() => {}) };
  }

  async #commit(client: pg.ClientBase, { batch, items: given, known, position }: Work): Promise<readonly Receipt[]> {
    const items = [...given];
    await this.#createMissingLogs(client, items, known);
    const context = this.#contextOf(known);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await appendInTransaction(client, items, position, context);
      } catch (error) {
        if (isRecordFault(error)) await this.#refuseFaulty(client, { batch, items, known }, error);
        else if (!isTransient(error) || attempt === TRIES_MAX) throw error;
        else if (isUniqueViolation(error)) known.repeats.suspect(logKeys(items).map(({ tenant }) => tenant));
      }
    }
  }

  /** Replaces each record that the database rejects by a dead letter or a refusal. */
  async #refuseFaulty(client: pg.ClientBase, { batch, items, known }: Work & { readonly items: Item[] }, cause: unknown): Promise<void> {
    const context = this.#contextOf(known);
    const tryItems = (some: readonly Item[]) => appendInTransaction(client, some, undefined, context, true);
    const faulty = await findRefused(items, tryItems);
    if (faulty.length === 0) throw cause;
    for (const { place, reason } of faulty) {
      const detail = `The database rejected this record (${reason}): correct it and send it under a new id.`;
      items[place] = refuseItem(batch[place] as Submission, { code: 'unstorable', detail }, this.#options);
    }
    await this.#createMissingLogs(client, items, known);
  }

  async #createMissingLogs(client: pg.ClientBase, items: readonly Item[], { logs }: Known): Promise<void> {
    const missing = logKeys(items).filter((key) => !logs.has(logKeyOf(key)));
    if (missing.length === 0) return;
    await createLogs(client, missing, this.#options.shards);
    if (logs.size + missing.length > LOGS_MAX) logs.clear();
    for (const key of missing) logs.add(logKeyOf(key));
  }
}

function holdLogs(items: readonly Item[], closed: ReadonlySet<string>): readonly Item[] {
  if (closed.size === 0) return items;
  return items.map((item) => (hasLog(item) && closed.has(logKeyOf(item)) ? heldItem(item, 'log') : item));
}

const hasLog = (item: Item): item is EventItem | DeadItem => item.kind === 'event' || item.kind === 'dead';

function refusedReceipt(item: Item): Receipt {
  return { kind: 'refused', refusal: (item as Extract<Item, { kind: 'refused' }>).refusal };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw asStoreError(cause);
  }
}

function asStoreError(error: unknown): Error {
  if (error instanceof StoreError || error instanceof LedgerTampered) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreUnavailable(`Append failed (${reason}): send the batch again; events that were committed are answered as duplicates.`, {
    cause: error,
  });
}
