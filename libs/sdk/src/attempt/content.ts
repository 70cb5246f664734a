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

/**
 * Arguments as an event carries them: inside it, or as a salted digest of canonical bytes that stand beside it, where they are too large, too
 * deep, or contain U+0000, which an event cannot.
 * @throws RecantError `arguments_invalid | too_large`
 */
export function contain(value: unknown, random: (bytes: number) => Uint8Array): Contained {
  const copied = copyJson(value);
  if (typeof copied !== 'object' || copied === null || Array.isArray(copied)) {
    throw new RecantError('arguments_invalid', 'Arguments are one JSON object: name each of them.');
  }
  const text = canonicalize(copied);
  const bytes = new TextEncoder().encode(text);
  const inline = bytes.length <= INLINE_BYTES_MAX && depthOf(copied) + LEVELS_AROUND <= EVENT_DEPTH_MAX && !hasNul(copied);
  if (inline) return { content: { inline: copied as JsonObject } };
  if (bytes.length > PART_BYTES_MAX) {
    throw new RecantError(
      'too_large',
      `Arguments have ${bytes.length} bytes, at most ${PART_BYTES_MAX} are kept: pass large data by reference.`,
    );
  }
  const saltBytes = random(SALT_BYTES);
  const digest = partDigest(saltBytes, bytes);
  const salt = Buffer.from(saltBytes).toString('base64url');
  return { content: { part: { digest, salt, size: bytes.length } }, part: { digest, salt, bytes } };
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
