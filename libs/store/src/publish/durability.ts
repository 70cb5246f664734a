import type { LogKey } from '@recant/ledger';
import type pg from 'pg';

/** The largest size stored by one of these anchors or witnesses: one index probe each. */
const newest = (table: string, column: string, names: string): string =>
  `(SELECT max(k.size) FROM unnest(${names}::text[]) AS p (name), LATERAL (SELECT size FROM recant.${table}
    WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch AND ${column} = p.name ORDER BY size DESC LIMIT 1) k)`;
const DURABILITY = `SELECT l.epoch,
    (SELECT start FROM recant.epoch WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch) AS start,
    (SELECT e.idx FROM recant.source s JOIN recant.entry e ON e.tenant_id = s.tenant_id AND e.source_no = s.source_no
      WHERE s.tenant_id = l.tenant_id AND s.source = $3 AND e.event_id = $4) AS idx,
    (SELECT size FROM recant.checkpoint WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch ORDER BY size DESC LIMIT 1) AS signed,
    greatest(${newest('anchored', 'anchor', '$5')}, ${newest('cosignature', 'witness', '$6')}) AS external
  FROM recant.log l WHERE l.tenant_id = $1 AND l.shard = $2`;

/** Anchors and witnesses by their recorded names. */
export interface PlaceNames {
  readonly anchors: readonly string[];
  readonly witnesses: readonly string[];
}

/** How far one event is signed and anchored. Sizes are of the log's current epoch. */
export interface Durability {
  readonly epoch: number;
  /** First entry of the epoch. */
  readonly start: bigint;
  /** Index of the event's entry; undefined if the log does not contain it. */
  readonly index: bigint | undefined;
  /** Entries covered by the newest checkpoint. */
  readonly signed: bigint;
  /** Entries covered by the newest checkpoint that an anchor or witness has. */
  readonly external: bigint;
}

export async function readDurability(
  pool: pg.Pool,
  { tenant, shard }: LogKey,
  source: string,
  eventId: string,
  { anchors, witnesses }: PlaceNames,
): Promise<Durability> {
  const values = [tenant, shard, source, eventId, anchors, witnesses];
  const { rows } = await pool.query({ name: 'recant-durability', text: DURABILITY, values });
  const { epoch = 1, start, idx, signed, external } = rows[0] ?? {};
  const orNone = (value: string | null | undefined): bigint => BigInt(value ?? 0);
  return {
    epoch,
    start: orNone(start),
    index: typeof idx === 'string' ? BigInt(idx) : undefined,
    signed: orNone(signed),
    external: orNone(external),
  };
}
