import type { LogKey, Refusal } from '@recant/ledger';
import type pg from 'pg';

/** A message from Kafka that waits for its log, or for its key's rate. */
export interface HeldMessage {
  readonly id: bigint;
  readonly keyId: string;
  readonly origin: string;
  readonly source: string | undefined;
  readonly bytes: Uint8Array;
  readonly part: { readonly digest: string; readonly salt: string } | undefined;
  readonly refused: Refusal | undefined;
  readonly reason: 'log' | 'rate';
}

/** Of one log and partition. */
export interface HeldBacklog extends LogKey {
  readonly partition: number;
  readonly messages: number;
  /** Where the newest came from. A message that is held later comes from elsewhere. */
  readonly last: string;
  readonly reason: 'log' | 'rate';
}

/** Messages that the appender held. The process that appends them removes them afterwards: after a crash in between they are duplicates. */
export interface HeldMessages {
  /** What waits in these partitions, by log. */
  backlogs(topic: string, partitions: readonly number[]): Promise<readonly HeldBacklog[]>;
  /** The next ones of a log: refused messages first, then the others in the order in which they came. */
  read(topic: string, backlog: HeldBacklog, messagesMax: number): Promise<readonly HeldMessage[]>;
  remove(tenant: string, ids: readonly bigint[]): Promise<void>;
}

const BACKLOGS = `SELECT b.*, h.origin AS last FROM (SELECT tenant_id, shard, partition, count(*)::int AS messages, bool_or(reason = 'log') AS of_log, max(id) AS id
    FROM recant.held_message WHERE topic = $1 AND partition = ANY ($2::int[]) GROUP BY tenant_id, shard, partition) b
  JOIN recant.held_message h USING (tenant_id, id) ORDER BY b.tenant_id, b.shard, b.partition`;
/** At most about 4 MiB: a transaction's worth. */
const READ = `SELECT * FROM (SELECT *, sum(octet_length(bytes)) OVER (ORDER BY refused_code IS NULL, id) AS total FROM (
    SELECT id, key_id, origin, source, bytes, part_digest, part_salt, refused_code, refused_detail, reason FROM recant.held_message
    WHERE topic = $1 AND partition = $2 AND tenant_id = $3 AND shard = $4 ORDER BY refused_code IS NULL, id LIMIT $5) h) t
  WHERE total - octet_length(bytes) < 4194304 ORDER BY refused_code IS NULL, id`;
const REMOVE = 'DELETE FROM recant.held_message WHERE tenant_id = $1 AND id = ANY ($2::bigint[])';

export function createHeldMessages(pool: pg.Pool): HeldMessages {
  return {
    async backlogs(topic, partitions) {
      const { rows } = await pool.query(BACKLOGS, [topic, partitions]);
      return rows.map(({ tenant_id, shard, partition, messages, last, of_log }) => {
        return { tenant: tenant_id, shard, partition, messages, last, reason: of_log ? 'log' : 'rate' };
      });
    },
    async read(topic, { tenant, shard, partition }, messagesMax) {
      const { rows } = await pool.query(READ, [topic, partition, tenant, shard, messagesMax]);
      return rows.map(messageOf);
    },
    async remove(tenant, ids) {
      if (ids.length > 0) await pool.query(REMOVE, [tenant, ids.map(String)]);
    },
  };
}

interface HeldRow {
  readonly id: string;
  readonly key_id: string;
  readonly origin: string;
  readonly source: string | null;
  readonly bytes: Uint8Array;
  readonly part_digest: string | null;
  readonly part_salt: string | null;
  readonly refused_code: Refusal['code'] | null;
  readonly refused_detail: string | null;
  readonly reason: HeldMessage['reason'];
}

function messageOf(row: HeldRow): HeldMessage {
  const { id, key_id, origin, source, bytes, part_digest, part_salt, refused_code, refused_detail, reason } = row;
  return {
    id: BigInt(id),
    keyId: key_id,
    origin,
    source: source ?? undefined,
    bytes,
    part: part_digest === null ? undefined : { digest: part_digest, salt: part_salt ?? '' },
    refused: refused_code === null ? undefined : { code: refused_code, detail: refused_detail ?? '' },
    reason,
  };
}
