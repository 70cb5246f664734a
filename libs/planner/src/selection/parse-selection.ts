import { ATTEMPT_STATUSES } from '@recant/events';
import { PlannerError } from '../error.ts';
import { SELECTION_VALUE_CHARS_MAX, SELECTION_VALUES_MAX } from '../limits.ts';
import { conditionOfJson } from './condition-of-json.ts';
import { type Indexed, lift } from './lift.ts';
import { type InstantOf, parseCondition } from './parse-condition.ts';
import { printCondition } from './print-condition.ts';
import { isIndexedPattern, type Selection } from './selection.ts';

const LISTS = ['agents', 'sessions', 'traces', 'tools', 'resources', 'outcomes', 'actions', 'runs', 'ambiguous'] as const;
type List = (typeof LISTS)[number];
const OUTCOMES: readonly string[] = ATTEMPT_STATUSES;

/**
 * A selection from JSON: lists of names, a window `[fromMs, toMs)`, and a condition (`where`) as text or in its parsed form; a text alone is a condition.
 * The result is normal: values once each, sorted, and what the ledger can look up in the fields, so that equal selections have equal digests.
 * @param instantOf reads times in the condition
 * @throws PlannerError `selection_invalid | selection_empty | time_invalid | window_empty`
 */
export function parseSelection(json: unknown, instantOf?: InstantOf): Selection {
  if (typeof json === 'string') return parseSelection({ where: json }, instantOf);
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new PlannerError('selection_invalid', 'Invalid selection: expected an object with a list per field.');
  const given = json as Record<string, unknown>;
  const known = new Set<string>([...LISTS, 'fromMs', 'toMs', 'clock', 'where']);
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
  const fromMs = msOf(given, 'fromMs');
  const toMs = msOf(given, 'toMs');
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new PlannerError('window_empty', `\`fromMs\` (${fromMs}) is not before \`toMs\` (${toMs}).`);
  if (fromMs !== undefined) selection.fromMs = fromMs;
  if (toMs !== undefined) selection.toMs = toMs;
  if (given.clock !== undefined) {
    if (given.clock !== 'received' && given.clock !== 'claimed')
      throw new PlannerError('selection_invalid', 'Invalid `clock`: expected `received` or `claimed`.');
    selection.clock = given.clock;
  }
  const { ambiguous, ...fields } = selection;
  const found = withCondition(fields, given.where, instantOf);
  if (Object.keys(found).every((field) => field === 'clock'))
    throw new PlannerError(
      'selection_empty',
      'Empty selection: name an agent, a session, a tool, a resource, a run, a window or a condition.',
    );
  return ambiguous === undefined ? found : { ...found, ambiguous };
}

function withCondition(fields: Indexed, where: unknown, instantOf: InstantOf | undefined): Selection {
  if (where === undefined) return fields;
  const condition = typeof where === 'string' ? parseCondition(where, instantOf) : conditionOfJson(where);
  const lifted = lift(condition, fields);
  return lifted.rest === undefined ? lifted.fields : { ...lifted.fields, where: printCondition(lifted.rest) };
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
    if ((list === 'resources' || list === 'ambiguous') && !isIndexedPattern(value)) {
      throw new PlannerError(
        'selection_invalid',
        `Invalid resource ${JSON.stringify(value.slice(0, 80))}: expected a URI such as postgres://shop/public.orders/42, exact or ending in *.`,
      );
    }
  }
  return [...new Set(values as string[])].sort();
}

function msOf(given: Record<string, unknown>, field: string): number | undefined {
  const value = given[field];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new PlannerError('time_invalid', `Invalid \`${field}\`: expected a whole number of milliseconds since 1970.`);
  return value;
}
