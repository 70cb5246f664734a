import { RedactionError } from './error.ts';
import { PERSONAL_RULES } from './personal.ts';
import { compileRules, type RedactionRule, type RuleSet, type Treatment } from './rule.ts';
import { SECRET_RULES } from './secrets.ts';

/** What leaves this process, and what does not. */
export interface RedactionOptions {
  /** Keys, tokens and passwords. Default: `mask`. `false` records them as they are. */
  readonly secrets?: Treatment | false;
  /** E-mail addresses, phone and card numbers, IBANs, tax ids, addresses of machines, ... Default: `false`; `true` is `seal`. */
  readonly personal?: Treatment | boolean;
  /** Your own; they come before those above. A pattern of yours takes the time that it takes: keep it linear. */
  readonly rules?: readonly RedactionRule[];
  /** Names of rules that are left out. */
  readonly except?: readonly string[];
}

/** @throws RedactionError `rules_invalid` */
export function rulesOf({ secrets = 'mask', personal = false, rules = [], except = [] }: RedactionOptions): RuleSet {
  const named = (set: readonly RedactionRule[], treat: Treatment | false): RedactionRule[] =>
    treat === false ? [] : set.map((rule) => ({ ...rule, treat }));
  const all = [...rules, ...named(SECRET_RULES, secrets), ...named(PERSONAL_RULES, personal === true ? 'seal' : personal)];
  const known = new Set([...SECRET_RULES, ...PERSONAL_RULES, ...rules].map(({ name }) => name));
  const unknown = except.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new RedactionError('rules_invalid', `redaction.except names rules that do not exist: ${unknown.join(', ')}.`);
  return compileRules(all.filter(({ name }) => !except.includes(name)));
}
