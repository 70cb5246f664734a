import { BATCH_EVENTS_MAX } from '@recant/events';
import type { Appender, KafkaPosition, LogKey, Receipt, Submission } from '@recant/ledger';
import type pg from 'pg';
import { StoreError, StoreUnavailable } from '../error.ts';
import { findRefused } from './bisect.ts';
import { Continuity } from './continuity.ts';
import type { Failpoints } from './failpoint.ts';
import { type Item, refuseItem, toItem } from './item.ts';
import { createLogs, logKeyOf } from './lock-logs.ts';
import { Repeats } from './repeats.ts';
import { SourceNumbers } from './sources.ts';
import { isRecordFault, isTransient, isUniqueViolation } from './sql-state.ts';
import { type AppendContext, appendInTransaction, logKeys } from './transaction.ts';

export interface AppenderOptions {
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Shards per tenant; fixed by the first entry of each log. */
  readonly shards: number;
  /** The operator's tenant: dead letters of unknown senders, and Kafka positions. */
  readonly systemTenant: string;
  readonly failpoints?: Failpoints | undefined;
  /** Called for every log of a batch before anything is written. @throws LedgerTampered if nothing may be appended to it */
  readonly guard?: (log: LogKey) => Promise<void>;
}

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
  readonly #context: AppendContext;
  readonly #knownLogs = new Set<string>();

  constructor(pool: pg.Pool, options: AppenderOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#context = {
      ...options,
      sources: new SourceNumbers(),
      continuity: new Continuity(),
      repeats: new Repeats(),
      failpoints: options.failpoints ?? (() => {}),
    };
    // A new connection may reach a restored copy of the database, so nothing known from the previous one counts.
    pool.on('connect', () => this.#forget());
  }

  async append(batch: readonly Submission[], position?: KafkaPosition): Promise<readonly Receipt[]> {
    if (batch.length > BATCH_EVENTS_MAX)
      throw new RangeError(`batch too large: expected at most ${BATCH_EVENTS_MAX} messages, got ${batch.length}`);
    const items = batch.map((submission) => toItem(submission, this.#options));
    if (position === undefined && items.every(({ kind }) => kind === 'refused')) return items.map(refusedReceipt);
    for (const log of logKeys(items)) await this.#options.guard?.(log);
    const client = await connect(this.#pool);
    let failure: Error | undefined;
    try {
      await this.#createMissingLogs(client, items);
      return await this.#commit(client, batch, items, position);
    } catch (error) {
      failure = error as Error;
      throw asStoreError(error);
    } finally {
      // A connection that failed is closed, not returned to the pool.
      client.release(failure !== undefined && !(failure instanceof StoreError));
    }
  }

  async #commit(client: pg.ClientBase, batch: readonly Submission[], items: Item[], position?: KafkaPosition): Promise<readonly Receipt[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await appendInTransaction(client, items, position, this.#context);
      } catch (error) {
        if (isRecordFault(error)) await this.#refuseFaulty(client, batch, items, error);
        else if (!isTransient(error) || attempt === TRIES_MAX) throw error;
        else if (isUniqueViolation(error)) this.#context.repeats.suspect(logKeys(items).map(({ tenant }) => tenant));
      }
    }
  }

  /** Replaces each record that the database rejects by a dead letter or a refusal. */
  async #refuseFaulty(client: pg.ClientBase, batch: readonly Submission[], items: Item[], cause: unknown): Promise<void> {
    const tryItems = (some: readonly Item[]) => appendInTransaction(client, some, undefined, this.#context, true);
    const faulty = await findRefused(items, tryItems);
    if (faulty.length === 0) throw cause;
    for (const { place, reason } of faulty) {
      const detail = `The database rejected this record (${reason}): correct it and send it under a new id.`;
      items[place] = refuseItem(batch[place] as Submission, { code: 'unstorable', detail }, this.#options);
    }
    await this.#createMissingLogs(client, items);
  }

  async #createMissingLogs(client: pg.ClientBase, items: readonly Item[]): Promise<void> {
    const missing = logKeys(items).filter((key) => !this.#knownLogs.has(logKeyOf(key)));
    if (missing.length === 0) return;
    await createLogs(client, missing, this.#options.shards);
    for (const key of missing) this.#knownLogs.add(logKeyOf(key));
  }

  #forget(): void {
    this.#context.sources.forget();
    this.#context.continuity.forget();
    this.#knownLogs.clear();
  }
}

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
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreUnavailable(`Append failed (${reason}): send the batch again; events that were committed are answered as duplicates.`, {
    cause: error,
  });
}
