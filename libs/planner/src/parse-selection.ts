import { ATTEMPT_STATUSES } from '@recant/events';
import { PlannerError } from './error.ts';
import { SELECTION_VALUE_CHARS_MAX, SELECTION_VALUES_MAX } from './limits.ts';
import type { Selection } from './selection.ts';

const LISTS = ['agents', 'sessions', 'traces', 'tools', 'resources', 'outcomes', 'actions', 'runs', 'ambiguous'] as const;
type List = (typeof LISTS)[number];
const OUTCOMES: readonly string[] = ATTEMPT_STATUSES;

/**
 * A selection from JSON: lists of names, and a window `[fromMs, toMs)`. The result is normal: values once each, sorted, so that equal selections have
 * equal digests.
 * @throws PlannerError `selection_invalid | selection_empty | time_invalid | window_empty`
 */
export function parseSelection(json: unknown): Selection {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new PlannerError('selection_invalid', 'Invalid selection: expected an object with a list per field.');
  const given = json as Record<string, unknown>;
  const known = new Set<string>([...LISTS, 'fromMs', 'toMs', 'clock']);
  const foreign = Object.keys(given).find((field) => !known.has(field));
  if (foreign !== undefined)
    throw new PlannerError(
      'selection_invalid',
      `Unknown selection field ${JSON.stringify(foreign.slice(0, 80))}; expected one of ${[...known].join(', ')}.`,
    );

  const selection: { -readonly [K in keyof Selection]: Selection[K] } = {};
  for (const list of LISTS) {
    const values = given[list];
    if (values !== undefined) selection[list] = valuesOf(list, values);
  }
  const fromMs = instantOf(given, 'fromMs');
  const toMs = instantOf(given, 'toMs');
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new PlannerError('window_empty', `\`fromMs\` (${fromMs}) is not before \`toMs\` (${toMs}).`);
  if (fromMs !== undefined) selection.fromMs = fromMs;
  if (toMs !== undefined) selection.toMs = toMs;
  if (given.clock !== undefined) {
    if (given.clock !== 'received' && given.clock !== 'claimed')
      throw new PlannerError('selection_invalid', 'Invalid `clock`: expected `received` or `claimed`.');
    selection.clock = given.clock;
  }
  if (Object.keys(selection).every((field) => field === 'clock' || field === 'ambiguous'))
    throw new PlannerError('selection_empty', 'Empty selection: name an agent, a session, a tool, a resource, a run or a window.');
  return selection;
}

function valuesOf(list: List, values: unknown): readonly string[] {
  if (!Array.isArray(values) || values.length === 0 || values.length > SELECTION_VALUES_MAX) {
    throw new PlannerError('selection_invalid', `Invalid \`${list}\`: expected a list of 1 to ${SELECTION_VALUES_MAX} values.`);
  }
  for (const value of values) {
    if (typeof value !== 'string' || value === '' || value.length > SELECTION_VALUE_CHARS_MAX || !value.isWellFormed()) {
      throw new PlannerError(
        'selection_invalid',
        `Invalid value in \`${list}\`: expected text of 1 to ${SELECTION_VALUE_CHARS_MAX} characters.`,
      );
    }
    if (list === 'outcomes' && !OUTCOMES.includes(value))
      throw new PlannerError(
        'selection_invalid',
        `Unknown outcome ${JSON.stringify(value.slice(0, 80))}; expected one of ${OUTCOMES.join(', ')}.`,
      );
    if ((list === 'resources' || list === 'ambiguous') && !/^[a-z][a-z0-9-]*:\/\/[^*]*\*?$/.test(value)) {
      throw new PlannerError(
        'selection_invalid',
        `Invalid resource ${JSON.stringify(value.slice(0, 80))}: expected a URI such as postgres://shop/public.orders/42, exact or ending in *.`,
      );
    }
  }
  return [...new Set(values as string[])].sort();
}

function instantOf(given: Record<string, unknown>, field: string): number | undefined {
  const value = given[field];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new PlannerError('time_invalid', `Invalid \`${field}\`: expected a whole number of milliseconds since 1970.`);
  return value;
}
