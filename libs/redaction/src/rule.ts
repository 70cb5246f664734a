import { RedactionError } from './error.ts';
import { type PathSegment, parsePath } from './path.ts';

/** `refuse`: the tool does not run. `mask`: the value is replaced. `seal`: the content is encrypted, or masked if no key is available. */
export type Treatment = 'refuse' | 'mask' | 'seal';

export type Matches =
  /**
   * Matches in any text. If the pattern has groups, the match is the first group that participated; it must be at the end. `take` returns how many
   * characters of the match to redact, 0 for none: for checks such as a checksum or entropy.
   */
  | { readonly pattern: RegExp; readonly take?: (piece: string) => number }
  /** Values of members whose name is, or ends with, one of these: `access_token` also matches `accessToken` and `X-Access-Token`. */
  | { readonly keys: readonly string[]; readonly take?: (value: string) => number }
  /** Values at a path of arguments or results: `$`, `$.customer`, `$.items[*].note`. */
  | { readonly path: string };

export interface RedactionRule {
  /** Shown in masks and errors: 1 to 40 lower-case letters, digits and `-`. */
  readonly name: string;
  readonly matches: Matches;
  readonly treat: Treatment;
}

interface Named {
  readonly name: string;
  readonly treat: Treatment;
}
export interface TextRule extends Named {
  readonly pattern: RegExp;
  readonly take: ((piece: string) => number) | undefined;
}
export interface KeyRule extends Named {
  readonly keys: readonly string[];
  readonly take: ((value: string) => number) | undefined;
}
export interface PathRule extends Named {
  readonly path: readonly PathSegment[];
}

/** Compiled rules by kind; if two match the same value, the earlier one applies. */
export interface RuleSet {
  readonly texts: readonly TextRule[];
  readonly keys: readonly KeyRule[];
  readonly paths: readonly PathRule[];
}

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** @throws RedactionError `rules_invalid`, with the name of the rule */
export function compileRules(rules: readonly RedactionRule[]): RuleSet {
  const texts: TextRule[] = [];
  const keys: KeyRule[] = [];
  const paths: PathRule[] = [];
  for (const { name, matches, treat } of rules) {
    if (!NAME.test(name)) throw invalid(name, 'needs a name of 1 to 40 lower-case letters, digits and -');
    if (!['refuse', 'mask', 'seal'].includes(treat)) throw invalid(name, 'needs a treatment: refuse, mask or seal');
    if ('pattern' in matches) {
      // A copy, because scanning changes `lastIndex`.
      const flags = `${matches.pattern.flags.replace(/[gy]/g, '')}g`;
      texts.push({ name, treat, pattern: new RegExp(matches.pattern.source, flags), take: matches.take });
    } else if ('keys' in matches) {
      keys.push({ name, treat, keys: matches.keys.map(keyWords), take: matches.take });
    } else {
      const path = parsePath(matches.path);
      if (path === undefined) throw invalid(name, 'needs a path such as $, $.customer or $.items[*].note');
      paths.push({ name, treat, path });
    }
  }
  return { texts, keys, paths };
}

function invalid(name: unknown, what: string): RedactionError {
  return new RedactionError('rules_invalid', `The redaction rule ${JSON.stringify(String(name).slice(0, 60))} ${what}.`);
}

/** Normalises `accessToken`, `access-token` and `ACCESS_TOKEN` to `access_token`. */
export function keyWords(name: string): string {
  return name
    .slice(0, KEY_CHARACTERS_MAX)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .toLowerCase();
}
/** Characters of a member's name that are examined. */
const KEY_CHARACTERS_MAX = 256;

export function keyMatches(keys: readonly string[], words: string): boolean {
  return keys.some((key) => words === key || (words.length > key.length && words.endsWith(key) && words.at(-key.length - 1) === '_'));
}
