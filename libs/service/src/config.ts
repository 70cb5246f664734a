import { z } from 'zod';

/** All problems of a configuration, one line each, secrets as `***`. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const SECRETS = z.registry<{ secret: true }>();

/** Marks a value that is never printed. Must be the outermost wrapper: others would hide the mark. */
export function secret<T extends z.ZodType>(schema: T): T {
  SECRETS.add(schema, { secret: true });
  return schema;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** Values by name; an empty string counts as unset. @throws ConfigError naming all problems */
export function readConfig<S extends z.ZodRawShape>(schema: z.ZodObject<S>, env: Env): z.output<z.ZodObject<S>> {
  const names = Object.keys(schema.shape);
  const given = Object.fromEntries(names.filter((name) => env[name] !== undefined && env[name] !== '').map((name) => [name, env[name]]));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map((issue) => problemLine(schema, given, issue)));
}

function problemLine(schema: z.ZodObject<z.ZodRawShape>, given: Record<string, string | undefined>, issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0] ?? '');
  const value = given[name];
  if (value === undefined) return `${name} is missing`;
  return `${name}: ${issue.message}, got ${isSecret(schema, name) ? '***' : JSON.stringify(value)}`;
}

function isSecret(schema: z.ZodObject<z.ZodRawShape>, name: string): boolean {
  const field = schema.shape[name];
  return field !== undefined && SECRETS.has(field as z.ZodType);
}

/** A TCP port; 0: any free port. */
export const Port = z.coerce
  .number('must be a port (0 to 65535)')
  .int('must be a port (0 to 65535)')
  .min(0, 'must be a port (0 to 65535)')
  .max(65_535, 'must be a port (0 to 65535)');
/** `postgres://` or `postgresql://`; never printed, because it contains a password. */
export const DatabaseUrl = secret(z.string().regex(/^postgres(ql)?:\/\/[^\s]+$/, 'must start with postgres:// or postgresql://'));
/** `host:port`, comma-separated. */
export const KafkaBrokers = z
  .string()
  .regex(/^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, 'must be host:port, comma-separated')
  .transform((text) => text.split(','));
