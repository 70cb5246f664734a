import { RULES, type Rule } from '@recant/verifier';
import { type Judged, type Said, VERIFIERS } from './judge.ts';

/** Where not everything was signed anew; by whose key, where it was. */
export type Way = 'as it is' | 'signed anew by a foreign key' | 'signed anew by the ledger’s key';

/** What a bundle may be called; `sound` where nothing was tampered with. */
export type Expected = readonly Rule[] | 'any rule' | 'sound';

export interface Bundle {
  /** Of the campaign. */
  readonly part: string;
  readonly kind: string;
  readonly way: Way;
  readonly expected: Expected;
}

/** One bundle as both verifiers judged it. */
export interface Outcome extends Bundle {
  readonly said: Said;
  /** What is wrong with that; absent where both called it as expected, at the same place. */
  readonly complaint?: string;
}

/** @param shown what shows the same bundle again */
export function outcomeOf(bundle: Bundle, shown: string, { verdict, said, difference }: Judged): Outcome {
  const { part, kind, way, expected } = bundle;
  const isExpected = VERIFIERS.every((verifier) => isNamed(said[verifier], expected));
  const detail = verdict.sound ? '' : ` (${verdict.detail})`;
  const wrong = isExpected ? undefined : `called ${said.TypeScript}${detail}, by Java ${said.Java}, not ${[expected].flat().join(' or ')}`;
  const found = difference ?? wrong;
  return { ...bundle, said, ...(found !== undefined && { complaint: `${part}, ${kind}, ${way}, ${shown}: ${found}` }) };
}

/** Whether a rule was named at all: what could not be read was not caught. */
export function isCaught(said: string): boolean {
  return Object.hasOwn(RULES, said);
}

export function isNamed(said: string, expected: Expected): boolean {
  if (expected === 'sound') return said === 'sound';
  return expected === 'any rule' ? isCaught(said) : expected.includes(said as Rule);
}
