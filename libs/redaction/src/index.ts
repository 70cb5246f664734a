export { createEffectRedactor, type EffectRedactor, type RedactedEffect, readablePath } from './effect-redactor.ts';
export { type Finding, RedactionError, type RedactionErrorCode } from './error.ts';
export { type RedactionOptions, rulesOf } from './options.ts';
export { createRedactor, type Mask, type Redacted, type Redactor, redactorWith } from './redactor.ts';
export type { Matches, RedactionRule, RuleSet, Treatment } from './rule.ts';
