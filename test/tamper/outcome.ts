import { RULES, type Rule } from '@recant/verifier';
import { type Judged, type RulesByVerifier, VERIFIERS } from './judge.ts';

/** Whether, and with which key, the tampered bundle was signed again. */
export type Signing = 'unsigned' | 'signed with a foreign key' | 'signed with the ledger’s key';

/** The rules that a bundle may break; `sound` for an unchanged one. */
export type Expected = readonly Rule[] | 'any rule' | 'sound';

export interface Bundle {
  /** Part of the campaign. */
  readonly part: string;
  readonly kind: string;
  readonly signing: Signing;
  readonly expected: Expected;
}

/** One bundle with the verdicts of both verifiers. */
export interface Outcome extends Bundle {
  readonly rules: RulesByVerifier;
  /** Absent where both verdicts are as expected and name the same place. */
  readonly failure?: string;
}

/** @param reproduce the seed that makes the same bundle */
export function outcomeOf(bundle: Bundle, reproduce: string, { verdict, rules, difference }: Judged): Outcome {
  const { part, kind, signing, expected } = bundle;
  const isExpected = VERIFIERS.every((verifier) => isNamed(rules[verifier], expected));
  const detail = verdict.sound ? '' : ` (${verdict.detail})`;
  const wrong = isExpected
    ? undefined
    : `expected ${[expected].flat().join(' or ')}, got ${rules.TypeScript}${detail} from TypeScript and ${rules.Java} from Java`;
  const found = difference ?? wrong;
  return { ...bundle, rules, ...(found !== undefined && { failure: `${part}, ${kind}, ${signing}, ${reproduce}: ${found}` }) };
}

/** Whether a rule was named; an unreadable file does not count as caught. */
export function isCaught(rule: string): boolean {
  return Object.hasOwn(RULES, rule);
}

export function isNamed(rule: string, expected: Expected): boolean {
  if (expected === 'sound') return rule === 'sound';
  return expected === 'any rule' ? isCaught(rule) : expected.includes(rule as Rule);
}
