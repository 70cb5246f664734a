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
import { copyJson } from './json.ts';

/** Levels of nesting that an event puts around its arguments: the event, its data, `arguments`. */
const LEVELS_AROUND = 3;
const SALT_BYTES = 16;

export interface Contained {
  readonly content: Content;
  /** What has to be sent before the event, where the content stands beside it. */
  readonly part?: { readonly digest: string; readonly salt: string; readonly bytes: Uint8Array };
}

/** A copy of a tool's arguments, or of its result. @throws RecantError `arguments_invalid | too_large` */
export function copyContent(value: unknown, what: 'Arguments' | 'Results' = 'Arguments'): JsonObject {
  const copied = copyJson(value);
  if (typeof copied !== 'object' || copied === null || Array.isArray(copied)) {
    throw new RecantError('arguments_invalid', `${what} are one JSON object: name each of them.`);
  }
  canonicalBytes(copied as JsonObject, what);
  return copied as JsonObject;
}

/**
 * Content as an event carries it: inside it, or as a salted digest of canonical bytes that stand beside it, where they are too large, too
 * deep, or contain U+0000, which an event cannot.
 * @throws RecantError `too_large`
 */
export function contain(value: JsonObject, random: (bytes: number) => Uint8Array): Contained {
  const bytes = canonicalBytes(value, 'Arguments');
  const inline = bytes.length <= INLINE_BYTES_MAX && depthOf(value) + LEVELS_AROUND <= EVENT_DEPTH_MAX && !hasNul(value);
  return inline ? { content: { inline: value } } : beside(bytes, random);
}

/** Bytes that stand beside the event; sealed where there is a subject. @throws RecantError `too_large` */
export function beside(bytes: Uint8Array, random: (bytes: number) => Uint8Array, subject?: string): Contained {
  fitting(bytes, 'Sealed contents');
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
  return fitting(new TextEncoder().encode(canonicalize(value)), what);
}

function fitting(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length <= PART_BYTES_MAX) return bytes;
  throw new RecantError(
    'too_large',
    `${what} have ${bytes.length} bytes, at most ${PART_BYTES_MAX} are kept: pass large data by reference.`,
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
