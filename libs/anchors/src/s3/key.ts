import { SIZE_MAX } from '@recant/transparency';

/** Digits of 2^63 - 1. */
const DIGITS = 19;
const SAFE = /[A-Za-z0-9_-]/;

/**
 * Key prefix of a log's checkpoints: `<prefix><origin>/`, injective. Every byte except letters, digits, `_`, `-` and a non-leading `.` becomes
 * `=` and two hex digits, so that `..`, `%` and `//` have no meaning to a server or file system.
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

/** A larger tree has a smaller name, because lists start at the smallest: one request finds the newest. */
export function keyOf(place: string, size: bigint): string {
  return `${place}${String(SIZE_MAX - size).padStart(DIGITS, '0')}-${size}.checkpoint`;
}

/** True if `keyOf` returns this key for the place and some size. */
export function isKeyOf(place: string, key: string): boolean {
  if (!key.startsWith(place)) return false;
  const size = /^\d{19}-(\d{1,19})\.checkpoint$/.exec(key.slice(place.length))?.[1];
  return size !== undefined && BigInt(size) <= SIZE_MAX && keyOf(place, BigInt(size)) === key;
}

/** The place of a checkpoint's key; undefined for other keys. */
export function placeIn(key: string): string | undefined {
  const place = key.slice(0, key.lastIndexOf('/') + 1);
  return place !== '' && isKeyOf(place, key) ? place : undefined;
}

/** Sorts after every checkpoint of the place and before the next place. */
export function endOf(place: string): string {
  return `${place}~`;
}
