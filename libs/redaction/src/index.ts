export { type Finding, RedactionError, type RedactionErrorCode } from './error.ts';
export { type RedactionOptions, rulesOf } from './options.ts';
export { createRedactor, type Redacted, type Redactor } from './redactor.ts';
export type { Matches, RedactionRule, RuleSet, Treatment } from './rule.ts';
