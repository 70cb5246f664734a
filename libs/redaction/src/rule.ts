import { RedactionError } from './error.ts';
import { type PathSegment, parsePath } from './path.ts';

/** `refuse`: the tool does not run. `mask`: the value is left out. `seal`: it is kept where a role opens it; masked where nothing seals. */
export type Treatment = 'refuse' | 'mask' | 'seal';

export type Matches =
  /**
   * Pieces of any text. Where the pattern has groups, the piece is the first group that took part, and it stands at the end of the match. `take`
   * says how many characters of a piece are really it, 0 for none: a checksum, an entropy.
   */
  | { readonly pattern: RegExp; readonly take?: (piece: string) => number }
  /** Whole values of members whose name is, or ends with, one of these words: `access_token` is `accessToken` and `X-Access-Token`. */
  | { readonly keys: readonly string[]; readonly take?: (value: string) => number }
  /** Whole values at a place of arguments or results: `$`, `$.customer`, `$.items[*].note`. */
  | { readonly path: string };

export interface RedactionRule {
  /** Shown in masks, errors and problems: lower-case letters, digits and `-`. */
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

/** Rules by what they look at; earlier ones win where two find the same. */
export interface RuleSet {
  readonly texts: readonly TextRule[];
  readonly keys: readonly KeyRule[];
  readonly paths: readonly PathRule[];
}

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** @throws RedactionError `rules_invalid`, naming the rule. */
export function compileRules(rules: readonly RedactionRule[]): RuleSet {
  const texts: TextRule[] = [];
  const keys: KeyRule[] = [];
  const paths: PathRule[] = [];
  for (const { name, matches, treat } of rules) {
    if (!NAME.test(name)) throw invalid(name, 'is named by 1 to 40 lower-case letters, digits and -');
    if (!['refuse', 'mask', 'seal'].includes(treat)) throw invalid(name, 'says refuse, mask or seal');
    if ('pattern' in matches) {
      // `lastIndex` is ours: whoever gave the pattern may use it at the same time.
      const flags = `${matches.pattern.flags.replace(/[gy]/g, '')}g`;
      texts.push({ name, treat, pattern: new RegExp(matches.pattern.source, flags), take: matches.take });
    } else if ('keys' in matches) {
      keys.push({ name, treat, keys: matches.keys.map(keyWords), take: matches.take });
    } else {
      const path = parsePath(matches.path);
      if (path === undefined) throw invalid(name, 'has a path like $, $.customer or $.items[*].note');
      paths.push({ name, treat, path });
    }
  }
  return { texts, keys, paths };
}

function invalid(name: unknown, what: string): RedactionError {
  return new RedactionError('rules_invalid', `The redaction rule ${JSON.stringify(String(name).slice(0, 60))} ${what}.`);
}

/** `accessToken`, `access-token`, `ACCESS_TOKEN` and `X-Access-Token` as lower-case words between underscores. */
export function keyWords(name: string): string {
  return name
    .slice(0, KEY_CHARACTERS_MAX)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .toLowerCase();
}
/** Characters of a member's name that are looked at as words. */
const KEY_CHARACTERS_MAX = 256;

export function keyMatches(keys: readonly string[], words: string): boolean {
  return keys.some((key) => words === key || (words.length > key.length && words.endsWith(key) && words.at(-key.length - 1) === '_'));
}
