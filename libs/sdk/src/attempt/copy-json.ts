import { JSON_DEPTH_MAX, type JsonValue } from '@recant/events';
import { RecantError } from '../error.ts';

/**
 * A copy of a tool's arguments as JSON: members that are undefined are left out and `toJSON` is asked, as JSON.stringify does. Everything that
 * JSON.stringify would lose in silence (NaN, functions, maps, lone surrogates, ...) is refused, because what is recorded is what is shown later.
 * @throws RecantError `arguments_invalid`, naming the place.
 */
export function copyJson(value: unknown): JsonValue {
  return copy(value, '$', JSON_DEPTH_MAX);
}

function copy(given: unknown, path: string, depthLeft: number): JsonValue {
  const value = hasToJson(given) ? given.toJSON() : given;
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw refusal(path, 'is a string with a lone surrogate');
    return value;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refusal(path, `is ${value}`);
    return value;
  }
  if (typeof value !== 'object') throw refusal(path, `is of type ${typeof value}`);
  if (depthLeft === 0) throw refusal(path.slice(0, 200), 'is nested too deep, or contains itself');
  if (Array.isArray(value)) return Array.from(value, (item, index) => copy(item, `${path}[${index}]`, depthLeft - 1));
  const kind = Object.prototype.toString.call(value);
  if (kind !== '[object Object]') throw refusal(path, `is a ${kind.slice(8, -1)}`);
  return copyMembers(value, path, depthLeft);
}

function copyMembers(value: object, path: string, depthLeft: number): JsonValue {
  // Without a prototype, `__proto__` is a member like any other.
  const members = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed()) throw refusal(path, 'has a key with a lone surrogate');
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members[key] = copy(member, `${path}.${key}`, depthLeft - 1);
  }
  return members;
}

function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return typeof value === 'object' && value !== null && typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function refusal(path: string, what: string): RecantError {
  return new RecantError('arguments_invalid', `${path} ${what}: JSON cannot hold it. Pass what the tool needs as plain data.`);
}
