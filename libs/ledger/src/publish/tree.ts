import { Frontier, readRoot, type TileReader, type TreeNode, tileHashReader } from '@recant/transparency';

/** Root of the first `size` leaves, read from tiles. */
export function rootAt(size: bigint, tiles: TileReader): Promise<Uint8Array> {
  return readRoot(size, tileHashReader(size, tiles));
}

/** The right edge of the tree of the first `size` leaves, read from tiles. */
export async function frontierAt(size: bigint, tiles: TileReader): Promise<Frontier> {
  const nodes: TreeNode[] = [];
  let leaves = 0n;
  for (let level = size.toString(2).length - 1; level >= 0; level -= 1) {
    const width = 1n << BigInt(level);
    if ((size & width) === 0n) continue;
    nodes.push({ level, index: leaves >> BigInt(level) });
    leaves += width;
  }
  const hashes = nodes.length === 0 ? [] : await tileHashReader(size, tiles)(nodes);
  return Frontier.parse(size, Buffer.concat(hashes));
}
