import { TransparencyError } from '../error.ts';
import { TILE_WIDTH } from '../limits.ts';
import { rootOf } from '../tree/root.ts';
import { type Tile, tileOf } from './tile.ts';
import { decodeTile, encodeTile } from './tile-bytes.ts';
import type { TileReader } from './tile-reader.ts';

export interface TileContent {
  readonly tile: Tile;
  readonly bytes: Uint8Array;
}

/**
 * The tiles to write when leaf hashes are appended to a log of `before` leaves: exactly the tiles of `tilesOfGrowth`, by level.
 * Reads the partial tiles at the right edge in one call. Returns 32 bytes per leaf, so call it in batches.
 */
export async function growTiles(before: bigint, leaves: readonly Uint8Array[], readTiles: TileReader): Promise<TileContent[]> {
  const after = before + BigInt(leaves.length);
  const edges = await readEdges(before, after, readTiles);
  const written: TileContent[] = [];
  let added = leaves;
  for (let level = 0; added.length > 0; level += 1) {
    const held = edges.get(level) ?? [];
    const hashes = [...held, ...added];
    const first = (before >> BigInt(8 * level)) / BigInt(TILE_WIDTH);
    const above: Uint8Array[] = [];
    for (let at = 0; at < hashes.length; at += TILE_WIDTH) {
      const own = hashes.slice(at, at + TILE_WIDTH);
      written.push({ tile: { level, index: first + BigInt(at / TILE_WIDTH), width: own.length }, bytes: encodeTile(own) });
      if (own.length === TILE_WIDTH) above.push(rootOf(own));
    }
    added = above;
  }
  return written;
}

/** The hashes of the partial tiles that will grow, by level. */
async function readEdges(before: bigint, after: bigint, readTiles: TileReader): Promise<Map<number, Uint8Array[]>> {
  const tiles: Tile[] = [];
  for (let level = 0; after >> BigInt(8 * level) > before >> BigInt(8 * level); level += 1) {
    const tile = tileOf(level, (before >> BigInt(8 * level)) / BigInt(TILE_WIDTH), before);
    if (tile !== undefined) tiles.push(tile);
  }
  const bytes = tiles.length === 0 ? [] : await readTiles(tiles);
  if (bytes.length !== tiles.length)
    throw new TransparencyError('hashes_missing', `wrong number of tiles from the reader: expected ${tiles.length}, got ${bytes.length}`);
  return new Map(tiles.map(({ level, width }, at) => [level, decodeTile(bytes[at] as Uint8Array, width)]));
}
