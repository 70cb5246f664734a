export interface Problem {
  readonly code: 'schema_invalid' | 'resource_invalid';
  /** From the innermost step outwards. */
  readonly path: (string | number)[];
  readonly expected: string;
}

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

export function at(step: string | number, found: Problem): Problem {
  found.path.push(step);
  return found;
}
