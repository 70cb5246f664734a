import { EventError } from './error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { JSON_DEPTH_MAX } from './limits.ts';

/** Below this length a loop over the characters beats the call into JSON.stringify (Node 24, 2026-11). */
const SHORT_CHARS = 48;

/**
 * RFC 8785 text of a value. An object of any type is accepted; what JSON cannot hold is refused when it is read.
 * Noncharacters (U+FFFE ...) pass, as in the RFC's own test data, although RFC 7493 discourages them.
 * @throws EventError `not_i_json` (NaN, infinities, lone surrogates, undefined, bigint, functions, instances of classes, sparse arrays)
 *   or `too_deep` (which a cycle is, too).
 */
export function canonicalize(value: JsonValue | object): string {
  return write(value, JSON_DEPTH_MAX);
}

function write(value: unknown, depthLeft: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      return writeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depthLeft === 0) throw new EventError('too_deep', `The value is nested more than ${JSON_DEPTH_MAX} deep, or contains itself.`);
      return Array.isArray(value) ? writeArray(value, depthLeft - 1) : writeObject(value, depthLeft - 1);
    default:
      throw new EventError('not_i_json', `JSON cannot hold a value of type ${typeof value}.`);
  }
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new EventError('not_i_json', `JSON cannot hold the number ${value}.`);
  // ECMAScript's Number::toString is what RFC 8785 section 3.2.2.3 prescribes; it writes -0 as 0.
  return `${value}`;
}

function writeString(value: string): string {
  const { length } = value;
  if (length < SHORT_CHARS) {
    let index = 0;
    for (; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) break;
    }
    if (index === length) return `"${value}"`;
  }
  if (!value.isWellFormed()) throw new EventError('not_i_json', 'A string contains a lone surrogate.');
  // JSON.stringify escapes exactly what RFC 8785 section 3.2.2.2 asks for, once lone surrogates are out.
  return JSON.stringify(value);
}

function writeArray(value: readonly unknown[], depthLeft: number): string {
  const { length } = value;
  if (length === 0) return '[]';
  let text = '[';
  for (let index = 0; index < length; index += 1) {
    if (index > 0) text += ',';
    text += write(value[index], depthLeft);
  }
  return `${text}]`;
}

function writeObject(value: object, depthLeft: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new EventError('not_i_json', `JSON cannot hold an instance of ${value.constructor?.name ?? 'a class'}.`);
  }
  const keys = Object.keys(value);
  if (!isSorted(keys)) keys.sort();
  let text = '{';
  let separator = '';
  for (const key of keys) {
    text += `${separator}${writeString(key)}:${write((value as JsonObject)[key], depthLeft)}`;
    separator = ',';
  }
  return `${text}}`;
}

/** `<` and the default sort both compare UTF-16 code units: the order of RFC 8785 section 3.2.3. */
function isSorted(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index += 1) {
    if ((keys[index - 1] as string) > (keys[index] as string)) return false;
  }
  return true;
}
