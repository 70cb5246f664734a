import type { LogKey } from '@recant/ledger';
import type pg from 'pg';
import type { Failpoints } from '../append/failpoint.ts';
import { describeFault, isRowFault } from '../append/sql-state.ts';
import { copyThen } from '../copy/copy-in.ts';
import { StoreUnavailable } from '../error.ts';
import { inTransaction } from '../in-transaction.ts';
import { readWindow } from './read-window.ts';
import { EntryFault } from './stopped.ts';

/** Entries of one transaction. */
const ENTRIES_MAX = 2_000;
/** Milliseconds that a question waits at once for another process that folds the log. */
const LOCK_MS = 1_000;

/**
 * Read models are derived from entries: a commit that a crash of the server loses is folded again, so it does not wait for the disk. What later transactions wrote
 * from it is lost with it or not at all.
 */
const SETTINGS = `SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = ${LOCK_MS}`;

const LOCK = `SELECT p.size AS projected, l.size FROM recant.projected p JOIN recant.log l ON l.tenant_id = p.tenant_id AND l.shard = p.shard
  WHERE p.tenant_id = $1 AND p.shard = $2 FOR NO KEY UPDATE OF p`;
const CREATE = 'INSERT INTO recant.projected (tenant_id, shard, size) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING';

export interface FoldOptions {
  /** Whether to wait for another process that folds this log. */
  readonly waits: boolean;
  readonly failpoints: Failpoints;
}

/**
 * Adds the next entries of a log to its read models. One transaction: lock the log's row of `projected`, read entries, copy rows, move that row by compare-and-set, COMMIT. A crash
 * before COMMIT leaves nothing; after it, the next process that folds the log continues behind these entries.
 * @returns entries that the read models have now; undefined: another process folds this log
 * @throws EntryFault if they cannot pass the next entry
 */
export async function foldLog(pool: pg.Pool, log: LogKey, options: FoldOptions): Promise<bigint | undefined> {
  for (let most = ENTRIES_MAX; ; ) {
    let refused: RowsRefused;
    try {
      const folded = await inTransaction(pool, (client) => foldWindow(client, log, most, options), SETTINGS);
      options.failpoints('projecting.after');
      return folded;
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error;
      refused = error;
    }
    const { from, end, cause } = refused;
    if (end - from === 1n) throw new EntryFault(log, from, `has rows that PostgreSQL refuses (${describeFault(cause)})`, { cause });
    most = Number((end - from) / 2n);
  }
}

/** Among these entries is one whose rows PostgreSQL refuses. */
class RowsRefused extends Error {
  override readonly name = 'RowsRefused';
  readonly from: bigint;
  readonly end: bigint;
  constructor(from: bigint, end: bigint, cause: unknown) {
    super('rows refused', { cause });
    this.from = from;
    this.end = end;
  }
}

async function foldWindow(
  client: pg.ClientBase,
  log: LogKey,
  most: number,
  { waits, failpoints }: FoldOptions,
): Promise<bigint | undefined> {
  const place = await lockPlace(client, log, waits);
  if (place === undefined || place.projected >= place.size) return place?.projected;
  const { projected: from, size } = place;
  const { rows, end } = await readWindow(client, log, { from, size, most });
  try {
    const moved = await copyThen(client, rows.copies(), [...rows.statements(client), advanceStatement(client, log, from, end)]);
    // Under the row lock the comparison always succeeds; it is a backstop.
    if (moved !== 1) throw new StoreUnavailable('The read models of a log moved under their lock.');
  } catch (error) {
    if (isRowFault(error)) throw new RowsRefused(from, end, error);
    throw error;
  }
  failpoints('projecting.before');
  return end;
}

interface LockedPlace {
  readonly projected: bigint;
  readonly size: bigint;
}

async function lockPlace(client: pg.ClientBase, { tenant, shard }: LogKey, waits: boolean): Promise<LockedPlace | undefined> {
  const text = waits ? LOCK : `${LOCK} SKIP LOCKED`;
  const lock = async () => (await client.query<{ projected: string; size: string }>(text, [tenant, shard])).rows[0];
  let row = await lock();
  if (row === undefined && (await client.query(CREATE, [tenant, shard])).rowCount === 1) row = await lock();
  return row && { projected: BigInt(row.projected), size: BigInt(row.size) };
}

function advanceStatement(client: pg.ClientBase, { tenant, shard }: LogKey, from: bigint, end: bigint): string {
  const log = `tenant_id = ${client.escapeLiteral(tenant)} AND shard = ${Number(shard)}`;
  return `UPDATE recant.projected SET size = ${end} WHERE ${log} AND size = ${from}`;
}
