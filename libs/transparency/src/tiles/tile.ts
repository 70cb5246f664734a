import { TransparencyError } from '../error.ts';
import { SIZE_MAX, TILE_WIDTH } from '../limits.ts';

/** C2SP tlog-tiles: the hashes of `width` adjacent subtrees of 256^level leaves, starting at subtree `index` × 256. */
export interface Tile {
  readonly level: number;
  readonly index: bigint;
  /** 256, or fewer at the right edge of the tree. */
  readonly width: number;
}

/** The entries below a tile of level 0. */
export type EntryBundle = Omit<Tile, 'level'>;

const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;
/** Enough for `tile/entries/`, seven groups and a width, the longest path within `SIZE_MAX`. */
const PATH_CHARACTERS_MAX = 64;
const LEVEL_MAX = 63;

/** `tile/<L>/<N>[.p/<W>]` below a log's prefix. */
export const tilePath = (tile: Tile): string => `tile/${tile.level}/${indexAndWidth(tile)}`;

/** `tile/entries/<N>[.p/<W>]` below a log's prefix. */
export const entriesPath = (bundle: EntryBundle): string => `tile/entries/${indexAndWidth(bundle)}`;

/** 1234067 is `x001/x234/067`. */
function indexAndWidth({ index, width }: EntryBundle): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? [];
  const path = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/');
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

/** Parses the canonical path of a possible tile. @throws path_invalid */
export function parseTilePath(path: string): ({ kind: 'hashes' } & Tile) | ({ kind: 'entries' } & EntryBundle) {
  const match = path.length > PATH_CHARACTERS_MAX ? null : PATH.exec(path);
  if (match === null) throw invalid(path);
  const [, what = '', groups = '', partial] = match;
  const level = what === 'entries' ? 0 : Number(what);
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const index = BigInt(groups.replaceAll(/[x/]/g, ''));
  const padded = groups.startsWith('x000');
  if (padded || level > LEVEL_MAX || (partial !== undefined && width >= TILE_WIDTH) || leavesUpTo({ level, index, width }) > SIZE_MAX)
    throw invalid(path);
  return what === 'entries' ? { kind: 'entries', index, width } : { kind: 'hashes', level, index, width };
}

function leavesUpTo({ level, index, width }: Tile): bigint {
  return (index * BigInt(TILE_WIDTH) + BigInt(width)) << BigInt(8 * level);
}

function invalid(path: string): TransparencyError {
  return new TransparencyError('path_invalid', `invalid tile path: ${JSON.stringify(path.slice(0, PATH_CHARACTERS_MAX))}`);
}

/** Tile `index` of a level in a tree of `size` leaves; undefined if it does not exist yet. */
export function tileOf(level: number, index: bigint, size: bigint): Tile | undefined {
  const left = (size >> BigInt(8 * level)) - index * BigInt(TILE_WIDTH);
  if (left <= 0n) return undefined;
  return { level, index, width: left < BigInt(TILE_WIDTH) ? Number(left) : TILE_WIDTH };
}

/**
 * The tiles to write before publishing a checkpoint of `after` leaves, when `before` leaves were published: full tiles, and the partial ones at the
 * right edge. From 0 these are all tiles of the tree. Ascending by level and index.
 */
export function* tilesOfGrowth(before: bigint, after: bigint): Generator<Tile> {
  for (let level = 0; ; level += 1) {
    const hashesBefore = before >> BigInt(8 * level);
    const hashesAfter = after >> BigInt(8 * level);
    // A level without growth has none above it.
    if (hashesAfter <= hashesBefore) return;
    for (let index = hashesBefore / BigInt(TILE_WIDTH); ; index += 1n) {
      const tile = tileOf(level, index, after);
      if (tile === undefined) break;
      yield tile;
    }
  }
}

/** The entry bundles for the same growth. */
export function* bundlesOfGrowth(before: bigint, after: bigint): Generator<EntryBundle> {
  for (const { level, index, width } of tilesOfGrowth(before, after)) {
    if (level > 0) return;
    yield { index, width };
  }
}
