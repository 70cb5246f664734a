import { ATTEMPT_STATUSES, resourceMatches } from '@recant/events';
import { PlannerError } from './error.ts';
import { SELECTION_VALUE_CHARS_MAX, SELECTION_VALUES_MAX } from './limits.ts';
import type { Selection } from './selection.ts';

const LISTS = ['agents', 'sessions', 'traces', 'tools', 'resources', 'outcomes', 'actions', 'runs'] as const;
type List = (typeof LISTS)[number];
const OUTCOMES: readonly string[] = ATTEMPT_STATUSES;

/**
 * A selection from JSON: lists of names, and a window `[fromMs, toMs)`. The result is normal: values once each, sorted, so that equal selections have
 * equal digests.
 * @throws PlannerError `selection_invalid | selection_empty | time_invalid | window_empty`
 */
export function parseSelection(json: unknown): Selection {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new PlannerError('selection_invalid', 'A selection is an object of lists.');
  const given = json as Record<string, unknown>;
  const known = new Set<string>([...LISTS, 'fromMs', 'toMs', 'clock']);
  const foreign = Object.keys(given).find((field) => !known.has(field));
  if (foreign !== undefined)
    throw new PlannerError('selection_invalid', `No field ${JSON.stringify(foreign.slice(0, 80))}; known are ${[...known].join(', ')}.`);

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
      throw new PlannerError('selection_invalid', '`clock` is `received` or `claimed`.');
    selection.clock = given.clock;
  }
  if (Object.keys(selection).every((field) => field === 'clock'))
    throw new PlannerError('selection_empty', 'Nothing is selected: name an agent, a session, a tool, a resource, a run or a window.');
  return selection;
}

function valuesOf(list: List, values: unknown): readonly string[] {
  if (!Array.isArray(values) || values.length === 0 || values.length > SELECTION_VALUES_MAX) {
    throw new PlannerError('selection_invalid', `\`${list}\` is a list of 1 to ${SELECTION_VALUES_MAX} names.`);
  }
  for (const value of values) {
    if (typeof value !== 'string' || value === '' || value.length > SELECTION_VALUE_CHARS_MAX || !value.isWellFormed()) {
      throw new PlannerError('selection_invalid', `A name in \`${list}\` is text of 1 to ${SELECTION_VALUE_CHARS_MAX} characters.`);
    }
    if (list === 'outcomes' && !OUTCOMES.includes(value))
      throw new PlannerError('selection_invalid', `No outcome ${JSON.stringify(value.slice(0, 80))}; known are ${OUTCOMES.join(', ')}.`);
    if (list === 'resources' && !/^[a-z][a-z0-9-]*:\/\/[^*]*\*?$/.test(value)) {
      throw new PlannerError(
        'selection_invalid',
        `${JSON.stringify(value.slice(0, 80))} is not a resource such as postgres://shop/public.orders/42, exact or ending in *.`,
      );
    }
  }
  return [...new Set(values as string[])].sort();
}

function instantOf(given: Record<string, unknown>, field: string): number | undefined {
  const value = given[field];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new PlannerError('time_invalid', `\`${field}\` is a whole number of milliseconds since 1970.`);
  return value;
}

/** Whether something recorded after a plan's vector belongs to its selection all the same. For stores and for tests: one meaning of every field. */
export function selects(
  selection: Selection,
  attempt: {
    readonly agent: string;
    readonly session?: string;
    readonly trace?: string;
    readonly tool: string;
    readonly status: string;
    readonly ref: { readonly action: string };
    readonly inverts?: { readonly run: string };
    readonly receivedAtMs: number;
    readonly intendedAtMs: number;
  },
  resources: readonly string[],
): boolean {
  const one = (values: readonly string[] | undefined, value: string | undefined): boolean =>
    values === undefined || (value !== undefined && values.includes(value));
  const atMs = selection.clock === 'claimed' ? attempt.intendedAtMs : attempt.receivedAtMs;
  return (
    one(selection.agents, attempt.agent) &&
    one(selection.sessions, attempt.session) &&
    one(selection.traces, attempt.trace) &&
    one(selection.tools, attempt.tool) &&
    one(selection.outcomes, attempt.status) &&
    one(selection.actions, attempt.ref.action) &&
    one(selection.runs, attempt.inverts?.run) &&
    (selection.fromMs === undefined || atMs >= selection.fromMs) &&
    (selection.toMs === undefined || atMs < selection.toMs) &&
    (selection.resources === undefined ||
      selection.resources.some((pattern) => resources.some((resource) => resourceMatches(pattern, resource))))
  );
}
