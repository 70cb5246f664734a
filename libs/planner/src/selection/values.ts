import { ATTEMPT_STATUSES, GRADES, parseResource, REVERSIBILITIES } from '@recant/events';
import { SELECTION_VALUE_CHARS_MAX } from '../limits.ts';
import type { TextField } from './condition.ts';

const WORDS: Readonly<Partial<Record<TextField | 'label', readonly string[]>>> = {
  outcome: ATTEMPT_STATUSES,
  grade: GRADES,
  reversibility: REVERSIBILITIES,
};

/** What was expected in place of a value; undefined where the value is good. */
export function objectionToValue(field: TextField | 'label', value: string): string | undefined {
  const words = WORDS[field];
  if (words !== undefined) return words.includes(value) ? undefined : `one of ${words.join(', ')}`;
  if (field === 'resource' && parseResource(value) === undefined)
    return value.includes('*') ? 'a resource without * (patterns follow ~)' : 'a resource such as postgres://shop/public.orders/42';
  return objectionToLength(value);
}

export function objectionToPattern(pattern: string): string | undefined {
  return objectionToLength(pattern);
}

export function objectionToKey(key: string): string | undefined {
  return /^[a-z][a-z0-9-]*:\/\/[^/*]+\/[^/*]+$/.test(key) ? undefined : 'the table of the key, such as postgres://shop/public.orders';
}

function objectionToLength(value: string): string | undefined {
  if (value !== '' && value.length <= SELECTION_VALUE_CHARS_MAX && value.isWellFormed()) return undefined;
  return `text of 1 to ${SELECTION_VALUE_CHARS_MAX} characters`;
}
