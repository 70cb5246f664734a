/**
 * The hand-written guards: small functions from a value to a problem, so that the hot path builds nothing while all is well.
 * What they accept equals what the zod schemas accept; a property test holds them together.
 */

export interface Problem {
  readonly code: 'schema_invalid' | 'resource_invalid';
  /** From the inside out. */
  readonly path: (string | number)[];
  readonly expected: string;
}
export type Check = (value: unknown) => Problem | undefined;

export function problem(expected: string, code: Problem['code'] = 'schema_invalid'): Problem {
  return { code, path: [], expected };
}

/** `$.data.effects[3].resource must be ...` */
export function describe(found: Problem): string {
  let path = '$';
  for (const step of found.path.toReversed()) {
    path +=
      typeof step === 'number' ? `[${step}]` : /^[A-Za-z0-9_]{1,64}$/.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, 64))}]`;
  }
  return `${path} must be ${found.expected}.`;
}

function at(step: string | number, found: Problem): Problem {
  found.path.push(step);
  return found;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string that a predicate accepts. */
export function text(expected: string, accepts: (text: string) => boolean, code?: Problem['code']): Check {
  return (value) => (typeof value === 'string' && accepts(value) ? undefined : problem(expected, code));
}

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : problem(`a whole number from ${min} to ${max}`);
}

export function flag(value: unknown): Problem | undefined {
  return typeof value === 'boolean' ? undefined : problem('true or false');
}

export function oneOf(values: readonly string[]): Check {
  const set = new Set<unknown>(values);
  return (value) => (set.has(value) ? undefined : problem(`one of ${values.join(', ')}`));
}

export function orNull(check: Check): Check {
  return (value) => (value === null ? undefined : check(value));
}

export function list(check: Check, max: number): Check {
  return (value) => {
    if (!Array.isArray(value)) return problem('an array');
    if (value.length > max) return problem(`an array of at most ${max}`);
    for (let index = 0; index < value.length; index += 1) {
      const found = check(value[index]);
      if (found !== undefined) return at(index, found);
    }
    return undefined;
  };
}

/** An object used as a map. */
export function record(key: Check, check: Check, max = Number.POSITIVE_INFINITY): Check {
  return (value) => {
    if (!isObject(value)) return problem('an object');
    const names = Object.keys(value);
    if (names.length > max) return problem(`an object of at most ${max} members`);
    for (const name of names) {
      const found = key(name) ?? check(value[name]);
      if (found !== undefined) return at(name, found);
    }
    return undefined;
  };
}

/** An object of exactly these members: a version of the protocol is closed, and something new is a new version. */
export function shape(required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check {
  const fields = new Map<string, { readonly check: Check; readonly required: boolean }>();
  for (const [name, check] of Object.entries(required)) fields.set(name, { check, required: true });
  for (const [name, check] of Object.entries(optional)) fields.set(name, { check, required: false });
  const names = Object.keys(required);
  return (value) => {
    if (!isObject(value)) return problem('an object');
    let missing = names.length;
    // Nothing is inherited by what JSON.parse gives, and for-in allocates nothing.
    for (const name in value) {
      const field = fields.get(name);
      if (field === undefined) return at(name, problem('absent: this version does not know it'));
      if (field.required) missing -= 1;
      const found = field.check(value[name]);
      if (found !== undefined) return at(name, found);
    }
    if (missing === 0) return undefined;
    const absent = names.find((name) => !Object.hasOwn(value, name)) as string;
    return at(absent, problem('present'));
  };
}
