import { JSON_DEPTH_MAX, type JsonValue } from '@recant/events';
import { RecantError } from '../error.ts';

/**
 * Copies a tool's arguments as JSON. Like JSON.stringify it omits undefined members and calls `toJSON`. Values that JSON.stringify would silently
 * change (NaN, functions, maps, lone surrogates, ...) are refused, because the record must show what the tool received.
 * @throws RecantError `arguments_invalid`, with the path of the value.
 */
export function copyJson(value: unknown): JsonValue {
  return copy(value, '$', JSON_DEPTH_MAX);
}

function copy(given: unknown, path: string, depthLeft: number): JsonValue {
  const value = hasToJson(given) ? given.toJSON() : given;
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw notJson(path, 'is a string with a lone surrogate');
    return value;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(path, `is ${value}`);
    return value;
  }
  if (typeof value !== 'object') throw notJson(path, `is a ${typeof value}`);
  if (depthLeft === 0) throw notJson(path.slice(0, 200), 'is nested too deeply or contains itself');
  if (Array.isArray(value)) return Array.from(value, (item, index) => copy(item, `${path}[${index}]`, depthLeft - 1));
  const kind = Object.prototype.toString.call(value);
  if (kind !== '[object Object]') throw notJson(path, `is ${withArticle(kind.slice(8, -1))}`);
  return copyMembers(value, path, depthLeft);
}

function copyMembers(value: object, path: string, depthLeft: number): JsonValue {
  // Without a prototype, `__proto__` is an ordinary member.
  const members = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed()) throw notJson(path, 'has a key with a lone surrogate');
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members[key] = copy(member, `${path}.${key}`, depthLeft - 1);
  }
  return members;
}

function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return typeof value === 'object' && value !== null && typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function withArticle(noun: string): string {
  return `${/^[AEIOU]/i.test(noun) ? 'an' : 'a'} ${noun}`;
}

function notJson(path: string, what: string): RecantError {
  return new RecantError(
    'arguments_invalid',
    `${path} ${what} and cannot be recorded as JSON. Choose what is recorded with the \`arguments\` option.`,
  );
}
