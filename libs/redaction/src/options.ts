import { RedactionError } from './error.ts';
import { PERSONAL_RULES } from './personal.ts';
import { compileRules, type RedactionRule, type RuleSet, type Treatment } from './rule.ts';
import { SECRET_RULES } from './secrets.ts';

/** Which values are redacted, and how. */
export interface RedactionOptions {
  /** Keys, tokens and passwords. Default: `mask`. `false` records them unchanged. */
  readonly secrets?: Treatment | false;
  /** E-mail addresses, phone and card numbers, IBANs, tax ids, IP and MAC addresses, ... Default: `false`; `true` means `seal`. */
  readonly personal?: Treatment | boolean;
  /** Your own rules, which precede those above. Use patterns with linear run time. */
  readonly rules?: readonly RedactionRule[];
  /** Names of rules to disable. */
  readonly except?: readonly string[];
}

/** @throws RedactionError `rules_invalid` */
export function rulesOf({ secrets = 'mask', personal = false, rules = [], except = [] }: RedactionOptions): RuleSet {
  const named = (set: readonly RedactionRule[], treat: Treatment | false): RedactionRule[] =>
    treat === false ? [] : set.map((rule) => ({ ...rule, treat }));
  const all = [...rules, ...named(SECRET_RULES, secrets), ...named(PERSONAL_RULES, personal === true ? 'seal' : personal)];
  const known = new Set([...SECRET_RULES, ...PERSONAL_RULES, ...rules].map(({ name }) => name));
  const unknown = except.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new RedactionError('rules_invalid', `Unknown rules in redaction.except: ${unknown.join(', ')}.`);
  return compileRules(all.filter(({ name }) => !except.includes(name)));
}
