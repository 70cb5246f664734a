import type { LogKey, StoredCheckpoint } from '@recant/ledger';
import type { Tile } from '@recant/transparency';
import type pg from 'pg';
import { inTurn } from '../access/as-reader.ts';
import type { Projection } from '../project/projection.ts';
import { readLastCheckpoint, toCheckpoint } from './checkpoints.ts';
import { type Durability, type PlaceNames, readDurability } from './durability.ts';
import { readTenantHead, type TenantHead } from './head-store.ts';
import { readCosignatures } from './outgoing.ts';
import { findReceiptPlace, type ReceiptPlace } from './receipt-place.ts';
import { readTiles } from './tiles.ts';

const EPOCH = 'SELECT epoch FROM recant.log WHERE tenant_id = $1 AND shard = $2';
const ENTRIES = 'SELECT frame FROM recant.entry WHERE tenant_id = $1 AND shard = $2 AND idx >= $3 AND idx < $4 ORDER BY idx';
const SINCE = `SELECT epoch, size, root, (extract(epoch FROM signed_at) * 1000)::float8 AS signed_ms, note FROM recant.checkpoint
  WHERE tenant_id = $1 AND shard = $2 AND epoch = $3 AND size > $4 ORDER BY size LIMIT $5`;

/** A checkpoint for publication: the signed note and the witnesses' cosignatures so far. */
export interface PublicCheckpoint extends StoredCheckpoint {
  readonly cosignatures: readonly string[];
}

/** Published data of one tenant's logs. Tiles and entries belong to the log's current epoch. */
export interface Published {
  checkpoint(log: LogKey): Promise<PublicCheckpoint | undefined>;
  /** Checkpoints of an epoch larger than `size`, ascending. */
  checkpointsAfter(log: LogKey, epoch: number, size: bigint, limit: number): Promise<readonly StoredCheckpoint[]>;
  /** One value per tile; undefined if it is missing or narrower. */
  tiles(log: LogKey, tiles: readonly Tile[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Frames [from, from + width); undefined if any is missing. */
  entries(log: LogKey, from: bigint, width: number): Promise<readonly Uint8Array[] | undefined>;
  /** The entry that a receipt proves: an attempt's settlement, else its intent. @param attempt default: the last one */
  receiptPlace(tenant: string, action: string, attempt: number | undefined): Promise<ReceiptPlace | undefined>;
  /** @param places the anchors and witnesses that count */
  durability(log: LogKey, source: string, eventId: string, places: PlaceNames): Promise<Durability>;
  /** A tenant's path in the newest head that contains it. */
  head(tenant: string): Promise<TenantHead | undefined>;
}

/** Tenants share the connections in fair turns: the reads of one cannot delay another's. */
export function createPublished(pool: pg.Pool, projection: Pick<Projection, 'reach'>, operator: string): Published {
  const reads = readsOf(pool, operator);
  return {
    checkpoint: (log) => inTurn(pool, log.tenant, () => reads.checkpoint(log)),
    checkpointsAfter: (log, ...rest) => inTurn(pool, log.tenant, () => reads.checkpointsAfter(log, ...rest)),
    tiles: (log, tiles) => inTurn(pool, log.tenant, () => reads.tiles(log, tiles)),
    entries: (log, ...rest) => inTurn(pool, log.tenant, () => reads.entries(log, ...rest)),
    async receiptPlace(tenant, ...rest) {
      await projection.reach(tenant);
      return inTurn(pool, tenant, () => reads.receiptPlace(tenant, ...rest));
    },
    durability: (log, ...rest) => inTurn(pool, log.tenant, () => reads.durability(log, ...rest)),
    head: (tenant) => inTurn(pool, tenant, () => reads.head(tenant)),
  };
}

function readsOf(pool: pg.Pool, operator: string): Published {
  const epochOf = async ({ tenant, shard }: LogKey): Promise<number | undefined> =>
    (await pool.query({ name: 'recant-epoch', text: EPOCH, values: [tenant, shard] })).rows[0]?.epoch;
  return {
    async checkpoint(log) {
      const epoch = await epochOf(log);
      const last = epoch === undefined ? undefined : await readLastCheckpoint(pool, log, epoch);
      return last && { ...last, cosignatures: await readCosignatures(pool, log, last.epoch, last.size) };
    },
    async checkpointsAfter({ tenant, shard }, epoch, size, limit) {
      return (await pool.query(SINCE, [tenant, shard, epoch, size, limit])).rows.map(toCheckpoint);
    },
    async tiles(log, tiles) {
      const epoch = await epochOf(log);
      return epoch === undefined ? tiles.map(() => undefined) : readTiles(pool, log, epoch, tiles);
    },
    async entries({ tenant, shard }, from, width) {
      const { rows } = await pool.query({ name: 'recant-bundle', text: ENTRIES, values: [tenant, shard, from, from + BigInt(width)] });
      return rows.length === width ? rows.map(({ frame }) => frame) : undefined;
    },
    receiptPlace: (...args) => findReceiptPlace(pool, ...args),
    durability: (...args) => readDurability(pool, ...args),
    head: (tenant) => readTenantHead(pool, tenant, operator),
  };
}
