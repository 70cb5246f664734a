import { originOf } from '@recant/ledger';
import { Frontier } from '@recant/transparency';
import type { BundleLogSource, BundleSource } from '@recant/verifier';
import type pg from 'pg';
import { readPages } from './read-pages.ts';

export interface BundleQuery {
  readonly ledger: string;
  readonly tenant: string;
  /** RFC 3339, UTC, milliseconds. A bundle is not made before its newest entry: where the ledger's clock is ahead, its time counts. */
  readonly made: string;
  /** Every key that signed a checkpoint. */
  readonly vkeys: readonly string[];
  /** One log; default: all logs of the tenant. */
  readonly shard?: number;
  /** First entry of that one log. */
  readonly from?: bigint;
}

/** Each log up to its newest checkpoint: unsigned entries are not exported. */
const LOGS = `SELECT l.shard, l.shards, l.epoch, c.size, (extract(epoch FROM l.received_at_last) * 1000)::float8 AS received_ms FROM recant.log l
  JOIN LATERAL (SELECT size FROM recant.checkpoint WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch
    ORDER BY size DESC LIMIT 1) c ON true
  WHERE l.tenant_id = $1 AND ($2::int IS NULL OR l.shard = $2) ORDER BY l.shard`;
const RANGE = 'tenant_id = $1 AND shard = $2 AND idx >= $3 AND idx < $4 ORDER BY idx LIMIT $5';
const LEAVES = `SELECT idx, leaf FROM recant.entry WHERE ${RANGE}`;
const ENTRIES = `SELECT idx, frame FROM recant.entry WHERE ${RANGE}`;
const LETTERS = `SELECT idx, bytes FROM recant.dead_letter WHERE ${RANGE}`;
/** Without checkpoints that an earlier epoch signed beyond the start of a later epoch: those entries were lost. */
const CHECKPOINTS = `SELECT c.size, c.epoch, c.note FROM recant.checkpoint c
  WHERE tenant_id = $1 AND shard = $2 AND size BETWEEN $3 AND $4 AND (size, epoch) > ($5, $6) AND NOT EXISTS (SELECT 1 FROM recant.epoch e
    WHERE e.tenant_id = c.tenant_id AND e.shard = c.shard AND e.epoch > c.epoch AND e.start < c.size) ORDER BY size, epoch LIMIT $7`;
/** Bounds memory: a dead letter can have a megabyte. */
const LETTERS_PER_PAGE = 16;

/**
 * Opens one tenant's logs for writing a bundle, up to their sizes at this moment. What a log holds up to a size never changes, so each page is a statement of
 * its own: one long transaction would keep the dead row versions of every log's head, and each append would read them all.
 */
export async function withBundleSource<T>(pool: pg.Pool, query: BundleQuery, use: (source: BundleSource) => Promise<T>): Promise<T> {
  const { ledger, tenant, vkeys, shard, from } = query;
  const { rows } = await pool.query(LOGS, [tenant, shard ?? null]);
  const logs: BundleLogSource[] = [];
  for (const { shard, shards, epoch, size } of rows) logs.push(await logSource(pool, query, { shard, shards, epoch, size: BigInt(size) }));
  const made = new Date(Math.max(Date.parse(query.made), ...rows.map(({ received_ms }) => Math.ceil(received_ms)))).toISOString();
  const filter = { ...(shard === undefined ? {} : { shard }), ...(from === undefined ? {} : { from: String(from) }) };
  return await use({ ledger, tenant, made, vkeys, query: filter, logs });
}

interface LogRow {
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  readonly size: bigint;
}

type Row = Readonly<Record<string, unknown>>;

async function logSource(pool: pg.Pool, { ledger, tenant, from = 0n }: BundleQuery, log: LogRow): Promise<BundleLogSource> {
  const { shard, size } = log;
  if (from > size) throw new RangeError(`shard ${shard}: cannot export from entry ${from}, only ${size} entries are signed`);
  const place = { tenant, shard, from, to: size };
  return {
    ...log,
    from,
    origin: originOf(ledger, { tenant, shard }, log.epoch),
    start: await startOf(pool, tenant, shard, from),
    entries: () => readRange(pool, ENTRIES, place, (row) => ({ index: BigInt(row.idx as string), frame: row.frame as Buffer })),
    checkpoints: () =>
      readPages(
        async (limit, after: Row | undefined) =>
          (await pool.query(CHECKPOINTS, [tenant, shard, from, size, after?.size ?? -1, after?.epoch ?? 0, limit])).rows,
        (row) => ({ size: BigInt(row.size as string), note: row.note as Buffer }),
      ),
    deadLetters: () =>
      readRange(pool, LETTERS, place, (row) => ({ index: BigInt(row.idx as string), bytes: row.bytes as Buffer }), LETTERS_PER_PAGE),
  };
}

interface Range {
  readonly tenant: string;
  readonly shard: number;
  readonly from: bigint;
  readonly to: bigint;
}

function readRange<T>(pool: pg.Pool, text: string, { tenant, shard, from, to }: Range, toRow: (row: Row) => T, rowsPerPage?: number) {
  const next = (after: Row | undefined): bigint => (after === undefined ? from : BigInt(after.idx as string) + 1n);
  return readPages(
    async (limit, after: Row | undefined) => (await pool.query(text, [tenant, shard, next(after), to, limit])).rows,
    toRow,
    rowsPerPage,
  );
}

/** Computed from leaves, because tiles may not exist yet. The verifier compares it with a signed root. */
async function startOf(pool: pg.Pool, tenant: string, shard: number, from: bigint): Promise<Uint8Array> {
  const frontier = Frontier.empty();
  if (from === 0n) return frontier.serialize();
  const leaves = readRange(pool, LEAVES, { tenant, shard, from: 0n, to: from }, (row) => row.leaf as Buffer);
  for await (const leaf of leaves) frontier.append([leaf]);
  return frontier.serialize();
}
