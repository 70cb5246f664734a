import { TransparencyError } from '../error.ts';
import { TILE_WIDTH } from '../limits.ts';
import type { HashReader, TreeNode } from '../tree/nodes.ts';
import { rootOf } from '../tree/root.ts';
import { type Tile, tileOf, tilePath } from './tile.ts';
import { decodeTile } from './tile-bytes.ts';

/** Reads tiles in the order requested. Rejects with its own error if a tile is missing. */
export type TileReader = (tiles: readonly Tile[]) => Promise<readonly Uint8Array[]>;

interface Place {
  readonly path: string;
  readonly tile: Tile;
  /** Index of the first hash in the tile, and number of hashes of the node. */
  readonly offset: number;
  readonly count: number;
}

/**
 * Reads a tree of `size` leaves from its tiles, in one call. A proof needs at most two tiles per level: the one above its leaf, and the one at the
 * right edge (or at two right edges); 6 tiles for 10 million leaves.
 */
export function tileHashReader(size: bigint, readTiles: TileReader): HashReader {
  return async (nodes) => {
    const places = nodes.map((node) => placeOf(node, size));
    const tiles = new Map(places.map(({ path, tile }) => [path, tile]));
    const bytes = await readTiles([...tiles.values()]);
    if (bytes.length !== tiles.size)
      throw new TransparencyError('hashes_missing', `wrong number of tiles from the reader: expected ${tiles.size}, got ${bytes.length}`);
    const hashes = new Map([...tiles].map(([path, { width }], at) => [path, decodeTile(bytes[at] as Uint8Array, width)]));
    return places.map(({ path, offset, count }) => rootOf((hashes.get(path) as Uint8Array[]).slice(offset, offset + count)));
  };
}

function placeOf({ level, index }: TreeNode, size: bigint): Place {
  const tileLevel = Math.floor(level / 8);
  const count = 2 ** (level % 8);
  const first = index * BigInt(count);
  const tile = tileOf(tileLevel, first / BigInt(TILE_WIDTH), size);
  const offset = Number(first % BigInt(TILE_WIDTH));
  if (tile === undefined || offset + count > tile.width) {
    throw new TransparencyError('index_out_of_range', `subtree ${index} of 2^${level} leaves is not complete in a tree of ${size}`);
  }
  return { path: tilePath(tile), tile, offset, count };
}
