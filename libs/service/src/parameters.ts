import { ApiFault, type ParameterSchema } from '@recant/api';
import { z } from 'zod';

/** Characters of one problem: a body can have a hundred thousand unknown keys, each of which would be named. */
const PROBLEM_LENGTH_MAX = 300;
/** Repeated parameters of one request. */
const PARAMETERS_MAX = 500;

/** Fits text parameters to a schema: arrays take repetitions, numbers and booleans are read from their text, unknown names are refused. @throws ApiFault `request_invalid` */
export function parseQuery(schema: ParameterSchema | undefined, search: URLSearchParams): Record<string, unknown> {
  const shape = schema?.shape ?? {};
  if (search.size > PARAMETERS_MAX) throw new ApiFault('request_invalid', `The query has more than ${PARAMETERS_MAX} parameters.`);
  const values: Record<string, unknown> = {};
  for (const name of new Set(search.keys())) {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!field) throw new ApiFault('request_invalid', `There is no parameter ${JSON.stringify(name)} here.`);
    const all = search.getAll(name);
    const inner = unwrap(field as z.ZodType);
    if (!(inner instanceof z.ZodArray) && all.length > 1)
      throw new ApiFault('request_invalid', `The parameter ${JSON.stringify(name)} is given ${all.length} times; it takes one value.`);
    values[name] = inner instanceof z.ZodArray ? all : readText(inner, all[0] as string);
  }
  return parseParts('query', schema, values);
}

/** Path parameters: each is one text. @throws ApiFault `request_invalid` */
export function parsePath(schema: ParameterSchema | undefined, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values = Object.entries(schema?.shape ?? {}).map(([name, field]) => [
    name,
    readText(unwrap(field as z.ZodType), textOf(given[name])),
  ]);
  return parseParts('path', schema, Object.fromEntries(values));
}

/** A parameter that takes slashes comes as its segments. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join('/') : String(value);
}

/** @throws ApiFault `request_invalid` naming every field that does not fit */
export function parseParts(place: string, schema: z.ZodType | undefined, value: unknown): Record<string, unknown> {
  if (!schema) return {};
  const unfit = unfitTextIn(value);
  if (unfit !== undefined) throw new ApiFault('request_invalid', `The ${place} holds ${unfit}.`);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as Record<string, unknown>;
  const problems = parsed.error.issues
    .slice(0, 10)
    .map((issue) => `${[place, ...issue.path].join('.')}: ${issue.message}`.slice(0, PROBLEM_LENGTH_MAX));
  throw new ApiFault('request_invalid', `${problems.join('; ')}.`);
}

/** Neither is kept as it came: PostgreSQL has no U+0000, and UTF-8 no half of a surrogate pair. */
function unfitTextIn(value: unknown): string | undefined {
  if (typeof value === 'string') {
    if (value.includes('\0')) return 'U+0000, which PostgreSQL does not take';
    return value.isWellFormed() ? undefined : 'half of a surrogate pair, which is no character';
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, field] of Object.entries(value)) {
    const unfit = unfitTextIn(name) ?? unfitTextIn(field);
    if (unfit !== undefined) return unfit;
  }
  return undefined;
}

function readText(field: z.ZodType, text: string): unknown {
  if (field instanceof z.ZodNumber) return text.trim() === '' ? text : Number(text);
  if (field instanceof z.ZodBoolean) return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function unwrap(field: z.ZodType): z.ZodType {
  let inner: z.ZodType = field;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
  return inner;
}
