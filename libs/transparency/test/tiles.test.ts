import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bundlesOfGrowth,
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  entriesPath,
  growTiles,
  leafHash,
  leavesReader,
  parseTilePath,
  proveConsistency,
  proveInclusion,
  readRoot,
  rootOf,
  type Tile,
  type TileReader,
  tileHashReader,
  tilePath,
  tilesOfGrowth,
  verifyInclusion,
} from '../src/index.ts';
import { codeOf, expectCode } from './support.ts';

const numbered = (count: number): Uint8Array[] => Array.from({ length: count }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));
const paths = (tiles: Iterable<Tile>): string[] => [...tiles].map(tilePath);

/** A log's folder of tiles; tiles are never removed. */
function tileFolder(): { read: TileReader; grow(before: number, leaves: readonly Uint8Array[]): Promise<string[]>; reads: string[] } {
  const files = new Map<string, Uint8Array>();
  const reads: string[] = [];
  const read: TileReader = async (tiles) =>
    paths(tiles).map((path) => {
      reads.push(path);
      const bytes = files.get(path);
      if (bytes === undefined) throw new Error(`nothing at ${path}`);
      return bytes;
    });
  const grow = async (before: number, leaves: readonly Uint8Array[]) => {
    const written = await growTiles(BigInt(before), leaves, read);
    for (const { tile, bytes } of written) files.set(tilePath(tile), bytes);
    return written.map(({ tile }) => tilePath(tile));
  };
  return { read, grow, reads };
}

describe('C2SP tlog-tiles', () => {
  it.each([
    ['tile index 1234067 (section Merkle Tree)', { level: 0, index: 1234067n, width: 256 }, 'tile/0/x001/x234/067'],
    ['golang.org/x/mod sumdb/tlog tile 1', { level: 0, index: 1n, width: 256 }, 'tile/0/001'],
    ['golang.org/x/mod sumdb/tlog partial tile 1', { level: 0, index: 1n, width: 5 }, 'tile/0/001.p/5'],
    ['golang.org/x/mod sumdb/tlog tile 123456078', { level: 3, index: 123456078n, width: 256 }, 'tile/3/x123/x456/078'],
    ['golang.org/x/mod sumdb/tlog partial tile 123456078', { level: 3, index: 123456078n, width: 2 }, 'tile/3/x123/x456/078.p/2'],
    ['golang.org/x/mod sumdb/tlog tile 3057500', { level: 0, index: 3057500n, width: 256 }, 'tile/0/x003/x057/500'],
  ])('path of %s', (_, tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual({ kind: 'hashes', ...tile });
    const { index, width } = tile;
    expect(parseTilePath(entriesPath({ index, width }))).toEqual({ kind: 'entries', index, width });
  });

  it('a tree of 70,000 leaves has the tiles that section Partial Tiles counts', () => {
    const all = [...tilesOfGrowth(0n, 70_000n)];
    const at = (level: number, full: boolean) =>
      all.filter((tile) => tile.level === level && (tile.width === 256) === full).map(({ width }) => width);
    expect([at(0, true).length, at(0, false), at(1, true).length, at(1, false), at(2, true).length, at(2, false)]).toEqual([
      273,
      [112],
      1,
      [17],
      0,
      [1],
    ]);
    expect(all.length).toBe(277);
    expect([...bundlesOfGrowth(0n, 70_000n)].length).toBe(274);
  });

  it('a tree of 256 leaves has a full tile of level 0 and one of level 1 with one hash', () => {
    expect(paths(tilesOfGrowth(0n, 256n))).toEqual(['tile/0/000', 'tile/1/000.p/1']);
  });

  it.each([
    'tile/0/1',
    'tile/0/0001',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/x001',
    'tile/00/001',
    'tile/-1/001',
    'tile/64/001',
    'tile/100/001',
    'tile/0/001.p/0',
    'tile/0/001.p/256',
    'tile/0/001.p/05',
    'tile/0/001.p/',
    'tile/0/001.p/5/',
    '/tile/0/001',
    'tile/data/001',
    'tile/7/x001/000',
    'tile/0/x999/x999/x999/x999/x999/x999/999',
    `tile/0/${'x001/'.repeat(100_000)}001`,
    'tile/0/٠٠١',
    'tile/0/001\n',
    '',
  ])('refuses the path %#', (path) => {
    expectCode('path_invalid', () => parseTilePath(path));
  });

  it('an entry bundle is a sequence of lengths and entries, and nothing else', () => {
    const entries = [Buffer.from('abc'), Buffer.alloc(0), Buffer.alloc(65_535, 7)];
    const bundle = encodeEntryBundle(entries);
    expect(bundle.subarray(0, 7).toString('hex')).toBe('00036162630000');
    expect(decodeEntryBundle(bundle, 3).map((entry) => Buffer.from(entry))).toEqual(entries);
    expectCode('truncated', () => decodeEntryBundle(bundle.subarray(0, -1), 3));
    expectCode('truncated', () => decodeEntryBundle(bundle, 4));
    expectCode('trailing_bytes', () => decodeEntryBundle(bundle, 2));
    expectCode('malformed', () => decodeEntryBundle(bundle, 257));
    expectCode('too_large', () => encodeEntryBundle([Buffer.alloc(65_536)]));
  });

  it('a tile has exactly as many hashes as its path states', () => {
    expectCode('truncated', () => decodeTile(Buffer.alloc(8191), 256));
    expectCode('trailing_bytes', () => decodeTile(Buffer.alloc(8193), 256));
    expectCode('malformed', () => decodeTile(Buffer.alloc(0), 0));
  });

  it('hostile bytes are refused with a code, in memory bounded by their length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.integer({ min: -1, max: 300 }), (bytes, width) => {
        codeOf(() => decodeTile(bytes, width));
        codeOf(() => decodeEntryBundle(bytes, width));
        codeOf(() => parseTilePath(Buffer.from(bytes).toString('latin1')));
      }),
    );
  });
});

describe('a log that grows', () => {
  it('writes exactly the new tiles, and proofs from tiles equal proofs from all leaves', async () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(255, 256, 257)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), async (batches, seed) => {
        const folder = tileFolder();
        const leaves = numbered(batches.reduce((sum, batch) => sum + batch, 0));
        let size = 0;
        for (const batch of batches) {
          const written = await folder.grow(size, leaves.slice(size, size + batch));
          expect(written).toEqual(paths(tilesOfGrowth(BigInt(size), BigInt(size + batch))));
          size += batch;
        }
        if (size === 0) return;
        const fromTiles = tileHashReader(BigInt(size), folder.read);
        const fromLeaves = leavesReader(leaves);
        expect(await readRoot(BigInt(size), fromTiles)).toEqual(rootOf(leaves));
        const index = BigInt(seed % size);
        expect(await proveInclusion(index, BigInt(size), fromTiles)).toEqual(await proveInclusion(index, BigInt(size), fromLeaves));
        expect(await proveConsistency(index, BigInt(size), fromTiles)).toEqual(await proveConsistency(index, BigInt(size), fromLeaves));
      }),
      { numRuns: 50 },
    );
  });

  it('of 70,000 leaves writes the same tiles at once and in batches', async () => {
    const leaves = numbered(70_000);
    const [once, batched] = [tileFolder(), tileFolder()];
    await once.grow(0, leaves);
    for (let at = 0; at < leaves.length; at += 9_999) await batched.grow(at, leaves.slice(at, at + 9_999));
    const tiles = [...tilesOfGrowth(0n, 70_000n)];
    expect(await batched.read(tiles)).toEqual(await once.read(tiles));
    const proof = await proveInclusion(4711n, 70_000n, tileHashReader(70_000n, once.read));
    verifyInclusion(4711n, 70_000n, leaves[4711] as Uint8Array, proof, rootOf(leaves));
  });

  it.each([10_000_000n, 2n ** 24n - 1n, 9_999_999n])('makes any proof among %d leaves from at most 8 tiles, in one read', async (size) => {
    let calls = 0;
    let most = 0;
    const reader = tileHashReader(size, async (tiles) => {
      calls += 1;
      most = Math.max(most, tiles.length);
      return tiles.map(({ width }) => Buffer.alloc(32 * width));
    });
    const indexes = [0n, 1n, 255n, 256n, 65_535n, 65_536n, 1_234_567n, 9_437_184n, size - 257n, size - 1n];
    for (const index of indexes) {
      await proveInclusion(index, size, reader);
      await proveConsistency(index + 1n, size, reader);
    }
    expect(calls).toBeLessThanOrEqual(2 * indexes.length);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('refuses wrong tiles from a tile store', async () => {
    await expect(
      proveInclusion(
        0n,
        2n,
        tileHashReader(2n, async () => []),
      ),
    ).rejects.toMatchObject({ code: 'hashes_missing' });
    await expect(
      proveInclusion(
        0n,
        2n,
        tileHashReader(2n, async () => [Buffer.alloc(63)]),
      ),
    ).rejects.toMatchObject({ code: 'truncated' });
    await expect(
      proveInclusion(
        0n,
        2n,
        tileHashReader(1n, async () => []),
      ),
    ).rejects.toMatchObject({ code: 'index_out_of_range' });
  });
});
