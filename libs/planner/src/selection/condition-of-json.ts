import { PlannerError } from '../error.ts';
import { CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX, SELECTION_VALUES_MAX } from '../limits.ts';
import { allOf, anyOf, type Comparison, type Condition, KEY_OPERATORS, notOf, oneOf, TEXT_FIELDS, type TextField } from './condition.ts';
import { objectionToKey, objectionToPattern, objectionToValue } from './values.ts';

/** A condition from its parsed form. @throws PlannerError `selection_invalid`, with the path of the first fault */
export function conditionOfJson(json: unknown): Condition {
  return read(json, 'where', 0, { parts: 0 });
}

function read(json: unknown, path: string, depth: number, count: { parts: number }): Condition {
  if (depth > CONDITION_DEPTH_MAX) invalid(path, `at most ${CONDITION_DEPTH_MAX} levels`);
  if (++count.parts > CONDITION_PARTS_MAX) invalid(path, `at most ${CONDITION_PARTS_MAX} conditions`);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return invalid(path, 'an object');
  const node = json as Record<string, unknown>;
  const fields = Object.keys(node).sort().join(' ');
  const each = (list: unknown, name: string): readonly Condition[] => {
    if (!Array.isArray(list) || list.length === 0) return invalid(`${path}.${name}`, 'a list of conditions');
    return list.map((item, at) => read(item, `${path}.${name}[${at}]`, depth + 1, count));
  };
  switch (fields) {
    case 'and':
      return allOf(each(node.and, 'and'));
    case 'or':
      return anyOf(each(node.or, 'or'));
    case 'not':
      return notOf(read(node.not, `${path}.not`, depth + 1, count));
    case 'field in':
    case 'field like': {
      const field = TEXT_FIELDS.find((name) => name === node.field) ?? invalid(`${path}.field`, `one of ${TEXT_FIELDS.join(', ')}`);
      return { field, ...comparison(node, field, path) };
    }
    case 'in label':
    case 'label like':
      return { label: value(node.label, 'label', `${path}.label`), ...comparison(node, 'label', path) };
    case 'at key op value':
    case 'key op value':
      return keyCondition(node, path);
    case 'since':
    case 'clock since':
      return { since: instant(node.since, `${path}.since`), ...clock(node, path) };
    case 'before':
    case 'before clock':
      return { before: instant(node.before, `${path}.before`), ...clock(node, path) };
    default:
      return invalid(path, 'the members of one condition: and, or, not, field, label, key, since or before');
  }
}

function comparison(node: Record<string, unknown>, field: TextField | 'label', path: string): Comparison {
  if (node.in === undefined) {
    const like = value(node.like, 'label', `${path}.like`);
    const objection = objectionToPattern(like);
    return objection === undefined ? { like } : invalid(`${path}.like`, objection);
  }
  const values = node.in;
  if (!Array.isArray(values) || values.length === 0 || values.length > SELECTION_VALUES_MAX)
    return invalid(`${path}.in`, `a list of 1 to ${SELECTION_VALUES_MAX} values`);
  return oneOf(values.map((each, at) => value(each, field, `${path}.in[${at}]`)));
}

function keyCondition(node: Record<string, unknown>, path: string): Condition {
  const key = value(node.key, 'label', `${path}.key`);
  const objection = objectionToKey(key);
  if (objection !== undefined) return invalid(`${path}.key`, objection);
  const { at = 1 } = node;
  if (typeof at !== 'number' || !Number.isInteger(at) || at < 1 || at > 99) return invalid(`${path}.at`, 'a whole number from 1 to 99');
  const op = KEY_OPERATORS.find((sign) => sign === node.op) ?? invalid(`${path}.op`, `one of ${KEY_OPERATORS.join(', ')}`);
  return { key, at, op, value: value(node.value, 'label', `${path}.value`) };
}

function value(json: unknown, field: TextField | 'label', path: string): string {
  if (typeof json !== 'string') return invalid(path, 'text');
  const objection = objectionToValue(field, json);
  return objection === undefined ? json : invalid(path, objection);
}

/** The year 9999 is the last that ISO 8601 writes with four digits. */
const INSTANT_MS_MAX = 253_402_300_799_999;
function instant(json: unknown, path: string): number {
  if (typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 && json <= INSTANT_MS_MAX) return json;
  return invalid(path, 'a whole number of milliseconds since 1970');
}

function clock(node: Record<string, unknown>, path: string): { readonly clock?: 'claimed' } {
  if (node.clock === undefined) return {};
  return node.clock === 'claimed' ? { clock: 'claimed' } : invalid(`${path}.clock`, 'claimed');
}

function invalid(path: string, expected: string): never {
  throw new PlannerError('selection_invalid', `Invalid condition at ${path}: expected ${expected}.`);
}
