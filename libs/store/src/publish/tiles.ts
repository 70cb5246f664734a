import { LedgerTampered, type LogKey } from '@recant/ledger';
import { HASH_BYTES, type Tile, type TileContent, tilePath } from '@recant/transparency';
import type pg from 'pg';

/** One index probe per tile; reads only the requested number of hashes. */
export const READ_TILES = `SELECT t.hashes FROM unnest($4::smallint[], $5::bigint[], $6::int[]) WITH ORDINALITY AS k (level, n, bytes, place)
  LEFT JOIN LATERAL (SELECT substr(hashes, 1, k.bytes) AS hashes FROM recant.tile
    WHERE tenant_id = $1 AND shard = $2 AND epoch = $3 AND level = k.level AND n = k.n OFFSET 0) t ON true ORDER BY k.place`;

/** Keeps a row that is at least as long: another replica wrote it. */
const PUT_TILES = `INSERT INTO recant.tile AS t (tenant_id, shard, epoch, level, n, hashes)
  SELECT $1, $2, $3, k.level, k.n, k.hashes FROM unnest($4::smallint[], $5::bigint[], $6::bytea[]) AS k (level, n, hashes) ORDER BY 4, 5
  ON CONFLICT (tenant_id, shard, epoch, level, n) DO UPDATE SET hashes = excluded.hashes WHERE octet_length(excluded.hashes) > octet_length(t.hashes)`;

const INTEGRATED = `SELECT n * 256 + octet_length(hashes) / 32 AS leaves FROM recant.tile
  WHERE tenant_id = $1 AND shard = $2 AND epoch = $3 AND level = 0 ORDER BY n DESC LIMIT 1`;

export async function readIntegrated(client: pg.ClientBase, { tenant, shard }: LogKey, epoch: number): Promise<bigint> {
  const { rows } = await client.query({ name: 'recant-integrated', text: INTEGRATED, values: [tenant, shard, epoch] });
  return BigInt(rows[0]?.leaves ?? 0);
}

/** Each tile in the requested width; undefined if it is missing or narrower. */
export async function readTiles(
  client: Pick<pg.ClientBase, 'query'>,
  { tenant, shard }: LogKey,
  epoch: number,
  tiles: readonly Tile[],
): Promise<readonly (Buffer | undefined)[]> {
  const columns = [tiles.map(({ level }) => level), tiles.map(({ index }) => index), tiles.map(({ width }) => width * HASH_BYTES)];
  const { rows } = await client.query({ name: 'recant-read-tiles', text: READ_TILES, values: [tenant, shard, epoch, ...columns] });
  return tiles.map(({ width }, at) => {
    const hashes = rows[at]?.hashes as Buffer | null | undefined;
    return hashes?.length === width * HASH_BYTES ? hashes : undefined;
  });
}

/** @throws LedgerTampered `tiles_missing` */
export async function readTilesOrRefuse(
  client: pg.ClientBase,
  log: LogKey,
  epoch: number,
  tiles: readonly Tile[],
): Promise<readonly Buffer[]> {
  return (await readTiles(client, log, epoch, tiles)).map((bytes, at) => {
    if (bytes === undefined) throw new LedgerTampered(log, 'tiles_missing', `${tilePath(tiles[at] as Tile)} is missing or too short`);
    return bytes;
  });
}

export async function putTiles(
  client: pg.ClientBase,
  { tenant, shard }: LogKey,
  epoch: number,
  tiles: readonly TileContent[],
): Promise<void> {
  const columns = [tiles.map(({ tile }) => tile.level), tiles.map(({ tile }) => tile.index), tiles.map(({ bytes }) => bytes)];
  await client.query({ name: 'recant-put-tiles', text: PUT_TILES, values: [tenant, shard, epoch, ...columns] });
}
