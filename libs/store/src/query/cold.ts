import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { StoreError } from '../error.ts';
import { SHARD_MAX } from './cursor.ts';

export interface LogSummary {
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  readonly size: bigint;
  /** Lower-case hex RFC 6962 root. */
  readonly root: string;
  /** Milliseconds since 1970, UTC. */
  readonly receivedAtLastMs: number;
}

export interface DeadLetterSummary {
  readonly shard: number;
  readonly index: bigint;
  readonly code: string;
  readonly detail: string;
  readonly origin: string;
  /** Empty if the sender could not be identified. */
  readonly keyId: string;
  /** Lower-case hex SHA-256 of the message. */
  readonly digest: string;
  /** The message as received. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

export interface DeadLetterQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Only these refusal codes. */
  readonly codes?: readonly string[];
  /** Aborted when the caller is gone: ends the query. */
  readonly signal?: AbortSignal;
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetterSummary[];
  readonly next?: string;
}

const LOGS = `SELECT shard, shards, epoch, size, root, received_at_last FROM recant.log WHERE tenant_id = $1 AND size > 0 ORDER BY shard`;

/** Non-empty logs of a tenant, ascending by shard. */
export function listLogs(pool: pg.Pool, tenant: string): Promise<readonly LogSummary[]> {
  return asReader(pool, tenant, async (client) => {
    const { rows } = await client.query(LOGS, [tenant]);
    return rows.map(({ shard, shards, epoch, size, root, received_at_last }) => ({
      shard,
      shards,
      epoch,
      size: BigInt(size),
      root: Buffer.from(root).toString('hex'),
      receivedAtLastMs: received_at_last.getTime(),
    }));
  });
}

/** Bytes of messages in one page; a page has at least one message. */
const PAGE_BYTES_MAX = 4_194_304;
/** octet_length reads no message. */
const LETTERS = `SELECT shard, idx, code, detail, origin, key_id, digest, bytes, received_at, found FROM (
    SELECT *, sum(octet_length(bytes)) OVER (ORDER BY shard, idx) - octet_length(bytes) AS bytes_before, count(*) OVER () AS found FROM (
      SELECT * FROM recant.dead_letter WHERE tenant_id = $1 AND ($2::text[] IS NULL OR code = ANY ($2)) AND (shard, idx) > ($3::int, $4::bigint)
      ORDER BY shard, idx LIMIT $5) AS candidate) AS page
  WHERE bytes_before < $6 ORDER BY shard, idx`;

/** Dead letters of a tenant, ascending by (shard, index). @throws StoreError `cursor_invalid` */
export async function listDeadLetters(
  pool: pg.Pool,
  tenant: string,
  { limit, cursor, codes, signal }: DeadLetterQuery,
): Promise<DeadLetterPage> {
  const after = cursor === undefined ? { shard: -1, idx: 0n } : parsePlace(cursor);
  return asReader(
    pool,
    tenant,
    async (client) => {
      const values = [tenant, codes ?? null, after.shard, after.idx, limit + 1, PAGE_BYTES_MAX];
      const { rows } = await client.query(LETTERS, values);
      const deadLetters = rows.slice(0, limit).map((row) => ({
        shard: row.shard as number,
        index: BigInt(row.idx),
        code: row.code as string,
        detail: row.detail as string,
        origin: row.origin as string,
        keyId: row.key_id as string,
        digest: Buffer.from(row.digest).toString('hex'),
        bytes: new Uint8Array(row.bytes),
        receivedAtMs: row.received_at.getTime() as number,
      }));
      const last = deadLetters.at(-1);
      return last === undefined || Number(rows[0].found) === deadLetters.length
        ? { deadLetters }
        : { deadLetters, next: `${last.shard}.${last.index}` };
    },
    signal,
  );
}

function parsePlace(cursor: string): { shard: number; idx: bigint } {
  const match = /^([0-9]{1,5})\.([0-9]{1,18})$/.exec(cursor);
  if (match === null || Number(match[1]) > SHARD_MAX)
    throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return { shard: Number(match[1]), idx: BigInt(match[2] as string) };
}
