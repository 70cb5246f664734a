import { ApiFault, type ParameterSchema } from '@recant/api';
import { z } from 'zod';

/** Characters of one problem: a body could list a hundred thousand unknown keys. */
const PROBLEM_LENGTH_MAX = 300;
/** Query parameters of one request. */
const PARAMETERS_MAX = 500;

/** Parses query parameters by a schema: a repeated parameter is an array, numbers and booleans are parsed, unknown names are refused. @throws ApiFault `request_invalid` */
export function parseQuery(schema: ParameterSchema | undefined, search: URLSearchParams): Record<string, unknown> {
  const shape = schema?.shape ?? {};
  if (search.size > PARAMETERS_MAX)
    throw new ApiFault('request_invalid', `Too many query parameters: expected at most ${PARAMETERS_MAX}, got ${search.size}.`);
  const values: Record<string, unknown> = {};
  for (const name of new Set(search.keys())) {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!field) throw new ApiFault('request_invalid', `Unknown query parameter ${JSON.stringify(name)}.`);
    const all = search.getAll(name);
    const inner = unwrap(field as z.ZodType);
    if (!(inner instanceof z.ZodArray) && all.length > 1)
      throw new ApiFault('request_invalid', `Query parameter ${JSON.stringify(name)}: expected one value, got ${all.length}.`);
    values[name] = inner instanceof z.ZodArray ? all : readText(inner, all[0] as string);
  }
  return parseParts('query', schema, values);
}

/** Parses path parameters by a schema. @throws ApiFault `request_invalid` */
export function parsePath(schema: ParameterSchema | undefined, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values = Object.entries(schema?.shape ?? {}).map(([name, field]) => [
    name,
    readText(unwrap(field as z.ZodType), textOf(given[name])),
  ]);
  return parseParts('path', schema, Object.fromEntries(values));
}

/** Express passes a wildcard parameter as an array of path segments. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join('/') : String(value);
}

/** @throws ApiFault `request_invalid` naming the first 10 invalid fields */
export function parseParts(place: string, schema: z.ZodType | undefined, value: unknown): Record<string, unknown> {
  if (!schema) return {};
  const invalid = invalidTextIn(value);
  if (invalid !== undefined) throw new ApiFault('request_invalid', `The ${place} contains ${invalid}.`);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as Record<string, unknown>;
  const problems = parsed.error.issues
    .slice(0, 10)
    .map((issue) => `${[place, ...issue.path].join('.')}: ${issue.message}`.slice(0, PROBLEM_LENGTH_MAX));
  throw new ApiFault('request_invalid', `${problems.join('; ')}.`);
}

/** Texts that could not be stored unchanged: PostgreSQL refuses U+0000, and UTF-8 cannot encode an unpaired surrogate. */
function invalidTextIn(value: unknown): string | undefined {
  if (typeof value === 'string') {
    if (value.includes('\0')) return 'U+0000, which PostgreSQL cannot store';
    return value.isWellFormed() ? undefined : 'an unpaired surrogate';
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, field] of Object.entries(value)) {
    const invalid = invalidTextIn(name) ?? invalidTextIn(field);
    if (invalid !== undefined) return invalid;
  }
  return undefined;
}

/** No signs, exponents, leading zeros or other bases: one number has one text. */
const DECIMAL = /^-?(?:0|[1-9][0-9]{0,15})$/;

function readText(field: z.ZodType, text: string): unknown {
  if (field instanceof z.ZodNumber) return DECIMAL.test(text) ? Number(text) : text;
  if (field instanceof z.ZodBoolean) return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function unwrap(field: z.ZodType): z.ZodType {
  let inner: z.ZodType = field;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
  return inner;
}
