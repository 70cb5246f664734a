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
import { isRecordFault, isTaken, isTransient } from './sql-state.ts';
import { type AppendContext, appendInTransaction, logKeys } from './transaction.ts';

export interface AppenderOptions {
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Shards of every tenant, fixed in the first entry of each log. */
  readonly shards: number;
  /** Tenant of dead letters whose sender is unknown, and owner of Kafka positions. */
  readonly systemTenant: string;
  readonly failpoints?: Failpoints | undefined;
  /** Asked for every log of a batch, before anything is written. @throws LedgerTampered where nothing may be appended to it */
  readonly guard?: (log: LogKey) => Promise<void>;
}

/** Serialisation failures, deadlocks and keys taken meanwhile: the same transaction again finds what changed. */
const TRIES_MAX = 5;

/** The ledger's commit point on PostgreSQL. See `Appender` for what it promises. */
export function createAppender(pool: pg.Pool, options: AppenderOptions): Appender {
  const context: AppendContext = {
    ...options,
    sources: new SourceNumbers(),
    continuity: new Continuity(),
    repeats: new Repeats(),
    failpoints: options.failpoints ?? (() => {}),
  };
  const knownLogs = new Set<string>();
  // A new connection may lead to another copy of the database: what was known of the one before is asked again.
  pool.on('connect', () => {
    context.sources.forget();
    context.continuity.forget();
    knownLogs.clear();
  });

  async function append(batch: readonly Submission[], position?: KafkaPosition): Promise<readonly Receipt[]> {
    if (batch.length > BATCH_EVENTS_MAX)
      throw new RangeError(`a batch has at most ${BATCH_EVENTS_MAX} messages, this one has ${batch.length}`);
    const items = batch.map((submission) => toItem(submission, options));
    if (position === undefined && items.every(({ kind }) => kind === 'refused')) return items.map(refusedReceipt);
    for (const log of logKeys(items)) await options.guard?.(log);
    const client = await connect(pool);
    let broken: Error | undefined;
    try {
      await makeLogs(client, items);
      return await commit(client, batch, items, position);
    } catch (error) {
      broken = error as Error;
      throw typed(error);
    } finally {
      // A connection that failed is not given to anybody else.
      client.release(broken !== undefined && !(broken instanceof StoreError));
    }
  }

  async function makeLogs(client: pg.ClientBase, items: readonly Item[]): Promise<void> {
    const missing = logKeys(items).filter((key) => !knownLogs.has(logKeyOf(key)));
    if (missing.length === 0) return;
    await createLogs(client, missing, options.shards);
    for (const key of missing) knownLogs.add(logKeyOf(key));
  }

  async function commit(
    client: pg.ClientBase,
    batch: readonly Submission[],
    items: Item[],
    position?: KafkaPosition,
  ): Promise<readonly Receipt[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await appendInTransaction(client, items, position, context);
      } catch (error) {
        if (isRecordFault(error)) await refuseFaulty(client, batch, items, error);
        else if (!isTransient(error) || attempt === TRIES_MAX) throw error;
        else if (isTaken(error)) context.repeats.suspect(logKeys(items).map(({ tenant }) => tenant));
      }
    }
  }

  /** Puts a dead letter (or a refusal) in the place of every record that the database does not take. */
  async function refuseFaulty(client: pg.ClientBase, batch: readonly Submission[], items: Item[], cause: unknown): Promise<void> {
    const tryItems = (some: readonly Item[]) => appendInTransaction(client, some, undefined, context, true);
    const faulty = await findRefused(items, tryItems);
    if (faulty.length === 0) throw cause;
    for (const { place, reason } of faulty) {
      const detail = `The database does not take this record (${reason}): correct it and send it under a new id.`;
      items[place] = refuseItem(batch[place] as Submission, { code: 'unstorable', detail }, options);
    }
    await makeLogs(client, items);
  }

  return { append };
}

function refusedReceipt(item: Item): Receipt {
  return { kind: 'refused', refusal: (item as Extract<Item, { kind: 'refused' }>).refusal };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw typed(cause);
  }
}

function typed(error: unknown): Error {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreUnavailable(`The store did not take the batch (${reason}): send it again, what was kept is answered as duplicate.`, {
    cause: error,
  });
}
