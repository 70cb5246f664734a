import { z } from 'zod';

/** Every problem of a configuration at once, one line each, secrets as `***`. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const SECRETS = z.registry<{ secret: true }>();

/** Marks a value that is never printed. Outermost: wrappers around it would hide the mark. */
export function secret<T extends z.ZodType>(schema: T): T {
  SECRETS.add(schema, { secret: true });
  return schema;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** Values by name, an empty string counting as left out. @throws ConfigError naming every problem */
export function readConfig<S extends z.ZodRawShape>(schema: z.ZodObject<S>, env: Env): z.output<z.ZodObject<S>> {
  const names = Object.keys(schema.shape);
  const given = Object.fromEntries(names.filter((name) => env[name] !== undefined && env[name] !== '').map((name) => [name, env[name]]));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map((issue) => problemLine(schema, given, issue)));
}

/** For a log line at start: secrets as `***`. */
export function printableConfig<S extends z.ZodRawShape>(
  schema: z.ZodObject<S>,
  config: z.output<z.ZodObject<S>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, isSecret(schema, name) && value !== undefined ? '***' : value]),
  );
}

function problemLine(schema: z.ZodObject<z.ZodRawShape>, given: Record<string, string | undefined>, issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0] ?? '');
  const value = given[name];
  if (value === undefined) return `${name} is missing`;
  return `${name}: ${issue.message} (it is ${isSecret(schema, name) ? '***' : JSON.stringify(value)})`;
}

function isSecret(schema: z.ZodObject<z.ZodRawShape>, name: string): boolean {
  const field = schema.shape[name];
  return field !== undefined && SECRETS.has(field as z.ZodType);
}

/** A TCP port; 0 lets the system choose. */
export const Port = z.coerce.number('must be a port').int('must be a port').min(0, 'must be a port').max(65_535, 'must be a port');
/** `postgres://` or `postgresql://`, with its password kept out of every message. */
export const DatabaseUrl = secret(z.string().regex(/^postgres(ql)?:\/\/[^\s]+$/, 'must start with postgres:// or postgresql://'));
/** `host:port`, comma-separated. */
export const KafkaBrokers = z
  .string()
  .regex(/^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, 'must be host:port, comma-separated')
  .transform((text) => text.split(','));
