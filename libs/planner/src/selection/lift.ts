import { allOf, type Condition, oneOf, type TextField } from './condition.ts';
import { isIndexedPattern, type Selection } from './selection.ts';

export type Indexed = { -readonly [K in keyof Omit<Selection, 'where' | 'ambiguous'>]: Selection[K] };

const LISTS = {
  agent: 'agents',
  session: 'sessions',
  trace: 'traces',
  tool: 'tools',
  resource: 'resources',
  outcome: 'outcomes',
  id: 'actions',
  run: 'runs',
} as const satisfies Partial<Record<TextField, keyof Indexed>>;
const FIELDS = Object.keys(LISTS) as (keyof typeof LISTS)[];

/**
 * Moves what the ledger can look up by an index out of a condition: conjuncts about a field that `given` leaves open. `rest` is evaluated attempt by
 * attempt. What every alternative of an `or` limits becomes a field as well, so that the ledger reads no more than that.
 */
export function lift(condition: Condition, given: Indexed): { readonly fields: Indexed; readonly rest?: Condition } {
  const fields: Indexed = { ...given };
  const rest = ('and' in condition ? condition.and : [condition]).filter((each) => !take(each, fields));
  for (const each of rest) if ('or' in each) bound(each.or, fields);
  return rest.length === 0 ? { fields } : { fields, rest: allOf(rest) };
}

/** @returns whether the field now says what the conjunct says */
function take(conjunct: Condition, fields: Indexed): boolean {
  const resources = resourcesOf(conjunct);
  if (resources !== undefined && fields.resources === undefined) {
    fields.resources = resources;
    return true;
  }
  if ('field' in conjunct) {
    const list = listOf(conjunct.field);
    if (list === undefined || fields[list] !== undefined || !('in' in conjunct)) return false;
    fields[list] = conjunct.in;
    return true;
  }
  const edge = 'since' in conjunct ? 'fromMs' : 'before' in conjunct ? 'toMs' : undefined;
  if (edge === undefined || fields[edge] !== undefined) return false;
  const { clock = 'received' } = conjunct as { clock?: 'claimed' };
  const isClockOpen = fields.clock === undefined && fields.fromMs === undefined && fields.toMs === undefined;
  if (clock !== (fields.clock ?? 'received') && !isClockOpen) return false;
  const ms = 'since' in conjunct ? conjunct.since : (conjunct as { before: number }).before;
  // An empty window stays a condition, which no attempt meets.
  if (edge === 'fromMs' ? ms >= (fields.toMs ?? Infinity) : ms <= (fields.fromMs ?? -1)) return false;
  fields[edge] = ms;
  if (clock === 'claimed') fields.clock = clock;
  return true;
}

/** Resources and prefixes of which a condition asks for any; undefined: it asks for something else. */
function resourcesOf(condition: Condition): readonly string[] | undefined {
  const found: string[] = [];
  for (const each of 'or' in condition ? condition.or : [condition]) {
    if (!('field' in each) || each.field !== 'resource') return undefined;
    if ('in' in each) found.push(...each.in);
    else if (isIndexedPattern(each.like) && each.like.endsWith('*')) found.push(each.like);
    else return undefined;
  }
  return oneOf(found).in;
}

function bound(alternatives: readonly Condition[], fields: Indexed): void {
  const each = alternatives.map((alternative) => lift(alternative, {}).fields);
  for (const field of FIELDS) {
    const list = LISTS[field];
    if (fields[list] !== undefined || each.some((own) => own[list] === undefined)) continue;
    fields[list] = oneOf(each.flatMap((own) => own[list] ?? [])).in;
  }
}

function listOf(field: TextField): (typeof LISTS)[keyof typeof LISTS] | undefined {
  return Object.hasOwn(LISTS, field) ? LISTS[field as keyof typeof LISTS] : undefined;
}

/** The condition that these fields stand for; undefined for none. */
export function conditionOfFields({ fromMs, toMs, clock, ...lists }: Indexed): Condition | undefined {
  const conditions: Condition[] = FIELDS.flatMap((field): Condition[] => {
    const values = lists[LISTS[field]];
    if (values === undefined) return [];
    if (field !== 'resource' || values.every((value) => !value.endsWith('*'))) return [{ field, ...oneOf(values) }];
    const exact = values.filter((value) => !value.endsWith('*'));
    const patterns = values.filter((value) => value.endsWith('*')).map((like): Condition => ({ field, like }));
    const any = exact.length === 0 ? patterns : [{ field, ...oneOf(exact) }, ...patterns];
    return any.length === 1 ? any : [{ or: any }];
  });
  const claimed = clock === 'claimed' ? { clock } : {};
  if (fromMs !== undefined) conditions.push({ since: fromMs, ...claimed });
  if (toMs !== undefined) conditions.push({ before: toMs, ...claimed });
  return conditions.length === 0 ? undefined : allOf(conditions);
}
