import { canonicalize, type JsonObject, type JsonValue } from '@recant/events';
import { BrokenRule } from '../rules.ts';
import { JSON_RECORD_DEPTH_MAX } from './format.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses canonical JSON of an object; the depth is checked before parsing. @throws BrokenRule `format` */
export function parseJsonRecord(bytes: Uint8Array, what: string): JsonObject {
  if (depthOf(bytes) > JSON_RECORD_DEPTH_MAX)
    throw new BrokenRule('format', `${what} is nested deeper than ${JSON_RECORD_DEPTH_MAX} levels`);
  try {
    const text = utf8.decode(bytes);
    const value = JSON.parse(text) as JsonValue;
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && canonicalize(value) === text) return value as JsonObject;
  } catch (cause) {
    throw new BrokenRule('format', `${what} is not canonical JSON`, undefined, undefined, cause);
  }
  throw new BrokenRule('format', `${what} is not a canonical JSON object`);
}

/** Whether the value is an object with exactly these members. Canonical JSON has no duplicates. */
export function hasMembers(value: unknown, names: readonly string[]): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const found = Object.keys(value);
  return found.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inText) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return deepest;
}
