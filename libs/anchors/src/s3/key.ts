import { SIZE_MAX } from '@recant/transparency';

/** Digits of 2^63 - 1. */
const DIGITS = 19;
const SAFE = /[A-Za-z0-9_-]/;

/**
 * Where the checkpoints of a log are: `<prefix><origin>/`. Two origins never share a place, and no origin leads out of it: whatever is not a letter,
 * a digit, `_`, `-` or a `.` further in becomes `=` and two hex digits, so that `..`, `%` and `//` mean nothing to a server or a file system.
 */
export function placeOf(prefix: string, origin: string): string {
  return `${prefix}${origin.split('/').map(segmentOf).join('/')}/`;
}

function segmentOf(text: string): string {
  if (text === '') return '=';
  return Array.from(Buffer.from(text), (byte, at) => {
    const character = String.fromCharCode(byte);
    return SAFE.test(character) || (character === '.' && at > 0) ? character : `=${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }).join('');
}

/** Lists are sorted by name and read from the front, so the larger tree has the smaller name: the newest is found with one request. */
export function keyOf(place: string, size: bigint): string {
  return `${place}${String(SIZE_MAX - size).padStart(DIGITS, '0')}-${size}.checkpoint`;
}

/** Whether a key is one that `keyOf` makes for this place. */
export function isKeyOf(place: string, key: string): boolean {
  if (!key.startsWith(place)) return false;
  const size = /^\d{19}-(\d{1,19})\.checkpoint$/.exec(key.slice(place.length))?.[1];
  return size !== undefined && BigInt(size) <= SIZE_MAX && keyOf(place, BigInt(size)) === key;
}

/** The place of a key that is a checkpoint's; undefined for whatever else lies there. */
export function placeIn(key: string): string | undefined {
  const place = key.slice(0, key.lastIndexOf('/') + 1);
  return place !== '' && isKeyOf(place, key) ? place : undefined;
}

/** After every checkpoint of a place, and before what comes behind the place. */
export function endOf(place: string): string {
  return `${place}~`;
}
