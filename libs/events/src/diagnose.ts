import { canonicalize } from './canonical.ts';
import { EventError } from './error.ts';
import { type Refused, refuse } from './guard/event.ts';
import type { JsonValue } from './json.ts';
import { EVENT_DEPTH_MAX } from './limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Finds the reason why bytes (at most EVENT_BYTES_MAX) are not canonical I-JSON. Slow; called only for refused bytes. */
export function refuseBytes(bytes: Uint8Array): Refused {
  if (depthOf(bytes) > EVENT_DEPTH_MAX)
    return refuse('too_deep', `The event is nested too deeply: expected at most ${EVENT_DEPTH_MAX} levels.`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refuse('malformed_json', 'The bytes are not UTF-8.');
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return refuse('malformed_json', 'The bytes are not a single complete JSON value.');
  }
  const key = duplicateKey(text);
  if (key !== undefined) return refuse('not_i_json', `Duplicate key ${JSON.stringify(key.slice(0, 64))} in an object.`);
  if (hasNul(value)) return refuse('not_i_json', 'A string contains U+0000.');
  try {
    return refuse('not_canonical', differs(text, canonicalize(value)));
  } catch (error) {
    if (error instanceof EventError && error.code === 'not_i_json') return refuse('not_i_json', error.message);
    throw error;
  }
}

function differs(text: string, canonical: string): string {
  let index = 0;
  while (index < canonical.length && text[index] === canonical[index]) index += 1;
  return `The bytes are not in canonical form: first difference at character ${index}.`;
}

/** Deepest nesting of brackets outside strings, in one pass: exact for JSON, an upper bound for other bytes. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inString) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return deepest;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** The first duplicate key. The text must be valid JSON of bounded depth. */
function duplicateKey(text: string): string | undefined {
  /** Keys of each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let atKey = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{') {
      open.push(new Set());
      atKey = true;
    } else if (token === '[') {
      open.push(undefined);
      atKey = false;
    } else if (token === '}' || token === ']') {
      open.pop();
      atKey = false;
    } else if (token === ',') atKey = open.at(-1) !== undefined;
    else if (token !== ':' && atKey) {
      const keys = open.at(-1) as Set<string>;
      const key = JSON.parse(token) as string;
      if (keys.has(key)) return key;
      keys.add(key);
      atKey = false;
    }
  }
  return undefined;
}

function hasNul(value: JsonValue): boolean {
  if (typeof value === 'string') return value.includes('\u0000');
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value)
    ? value.some(hasNul)
    : Object.entries(value).some(([key, member]) => key.includes('\u0000') || hasNul(member as JsonValue));
}
