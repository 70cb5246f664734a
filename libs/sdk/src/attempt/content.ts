import {
  type Content,
  canonicalize,
  EVENT_DEPTH_MAX,
  INLINE_BYTES_MAX,
  type JsonObject,
  type JsonValue,
  PART_BYTES_MAX,
  partDigest,
} from '@recant/events';
import { RecantError } from '../error.ts';
import { copyJson } from './copy-json.ts';

/** Levels of nesting that an event puts around its arguments: the event, its data, `arguments`. */
const LEVELS_AROUND = 3;
const SALT_BYTES = 16;

export interface EncodedContent {
  /** The content as the event carries it: inline, or as a reference to a part. */
  readonly content: Content;
  /** The part to send before the event; absent for inline content. */
  readonly part?: { readonly digest: string; readonly salt: string; readonly bytes: Uint8Array };
}

/** Copies a tool's arguments, or its result. @throws RecantError `arguments_invalid | too_large` */
export function copyContent(value: unknown, what: 'Arguments' | 'Results' = 'Arguments'): JsonObject {
  const copied = copyJson(value);
  if (typeof copied !== 'object' || copied === null || Array.isArray(copied)) {
    throw new RecantError('arguments_invalid', `${what} must be an object with named values, not a list or a single value.`);
  }
  canonicalBytes(copied as JsonObject, what);
  return copied as JsonObject;
}

/**
 * Encodes content inline, or as a part with a salted digest where it is too large or too deep for an event, or contains U+0000.
 * @throws RecantError `too_large`
 */
export function toInlineOrPart(value: JsonObject, random: (bytes: number) => Uint8Array): EncodedContent {
  const bytes = canonicalBytes(value, 'Arguments');
  const inline = bytes.length <= INLINE_BYTES_MAX && depthOf(value) + LEVELS_AROUND <= EVENT_DEPTH_MAX && !hasNul(value);
  return inline ? { content: { inline: value } } : toPart(bytes, random);
}

/** Encodes bytes as a part. @param subject given for sealed bytes only. @throws RecantError `too_large` */
export function toPart(bytes: Uint8Array, random: (bytes: number) => Uint8Array, subject?: string): EncodedContent {
  checkSize(bytes, 'Sealed contents');
  const saltBytes = random(SALT_BYTES);
  const digest = partDigest(saltBytes, bytes);
  const salt = Buffer.from(saltBytes).toString('base64url');
  return {
    content: { part: { digest, salt, size: bytes.length, ...(subject === undefined ? {} : { subject }) } },
    part: { digest, salt, bytes },
  };
}

/** @throws RecantError `too_large` */
export function canonicalBytes(value: JsonObject, what: string): Uint8Array {
  return checkSize(new TextEncoder().encode(canonicalize(value)), what);
}

function checkSize(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length <= PART_BYTES_MAX) return bytes;
  throw new RecantError(
    'too_large',
    `${what} are too large: expected at most ${PART_BYTES_MAX} bytes, got ${bytes.length}. Pass large data by reference.`,
  );
}

function depthOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  let deepest = 0;
  for (const member of Array.isArray(value) ? value : Object.values(value)) deepest = Math.max(deepest, depthOf(member as JsonValue));
  return deepest + 1;
}

function hasNul(value: JsonValue): boolean {
  if (typeof value === 'string') return value.includes('\u0000');
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasNul);
  return Object.entries(value).some(([key, member]) => key.includes('\u0000') || hasNul(member as JsonValue));
}
