/**
 * A condition on an attempt, in normal form: made by the functions below, which the parser of texts and the parser of JSON both use, so that
 * `parse(print(condition))` equals the condition.
 */
export const TEXT_FIELDS = [
  'agent',
  'principal',
  'version',
  'session',
  'trace',
  'tool',
  'resource',
  'outcome',
  'grade',
  'reversibility',
  'run',
  'id',
] as const;
export type TextField = (typeof TEXT_FIELDS)[number];

export const KEY_OPERATORS = ['=', '<', '<=', '>', '>='] as const;
export type KeyOperator = (typeof KEY_OPERATORS)[number];

/** What a text is compared with: one of these values, or a pattern in which `*` stands for any characters. */
export type Comparison = { readonly in: readonly string[] } | { readonly like: string };
/** Milliseconds since 1970, UTC: at or after `since`, before `before`; by the ledger's clock, or the producer's (`claimed`). */
export type TimeEdge = ({ readonly since: number } | { readonly before: number }) & { readonly clock?: 'claimed' };
/** A value in the key of a row that the attempt touched. `key`: what the table's resources start with, without the last `/`; `at`: from 1. */
export interface KeyCondition {
  readonly key: string;
  readonly at: number;
  readonly op: KeyOperator;
  readonly value: string;
}

export type Condition =
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }
  | { readonly not: Condition }
  | ({ readonly field: TextField } & Comparison)
  | ({ readonly label: string } & Comparison)
  | KeyCondition
  | TimeEdge;

/** Each value once, sorted. */
export function oneOf(values: readonly string[]): { readonly in: readonly string[] } {
  return { in: [...new Set(values)].sort() };
}

export function notOf(condition: Condition): Condition {
  return 'not' in condition ? condition.not : { not: condition };
}

/** @param conditions at least one */
export function allOf(conditions: readonly Condition[]): Condition {
  const flat = conditions.flatMap((condition) => ('and' in condition ? condition.and : [condition]));
  return flat.length === 1 ? (flat[0] as Condition) : { and: flat };
}

/** Values of one field become one list. @param conditions at least one */
export function anyOf(conditions: readonly Condition[]): Condition {
  const flat: Condition[] = [];
  const lists = new Map<string, number>();
  for (const condition of conditions.flatMap((each) => ('or' in each ? each.or : [each]))) {
    const subject = subjectOf(condition);
    const at = subject === undefined ? undefined : lists.get(subject);
    if (subject !== undefined && at === undefined) lists.set(subject, flat.length);
    if (at === undefined) flat.push(condition);
    else flat[at] = { ...flat[at], ...oneOf([...valuesOf(flat[at]), ...valuesOf(condition)]) } as Condition;
  }
  return flat.length === 1 ? (flat[0] as Condition) : { or: flat };
}

/** Every condition in this one, itself included. */
export function* partsOf(condition: Condition): Generator<Condition> {
  yield condition;
  if ('not' in condition) yield* partsOf(condition.not);
  else if ('and' in condition) for (const each of condition.and) yield* partsOf(each);
  else if ('or' in condition) for (const each of condition.or) yield* partsOf(each);
}

function subjectOf(condition: Condition): string | undefined {
  if (!('in' in condition)) return undefined;
  return 'field' in condition ? condition.field : `label ${condition.label}`;
}

const valuesOf = (condition: Condition | undefined): readonly string[] => (condition && 'in' in condition ? condition.in : []);
