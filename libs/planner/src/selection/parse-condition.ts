import { PlannerError } from '../error.ts';
import { CONDITION_CHARS_MAX, CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX, SELECTION_VALUES_MAX } from '../limits.ts';
import {
  allOf,
  anyOf,
  type Comparison,
  type Condition,
  KEY_OPERATORS,
  type KeyOperator,
  notOf,
  oneOf,
  TEXT_FIELDS,
  type TextField,
} from './condition.ts';
import { type Token, tokensOf } from './tokens.ts';
import { objectionToKey, objectionToPattern, objectionToValue } from './values.ts';

/** Milliseconds since 1970 of a time in a condition. Throws where it is none, with a message for the caller. */
export type InstantOf = (text: string) => number;

const STARTS = `not, (, since, before, claimed, label, key(, or a field (${TEXT_FIELDS.join(', ')})`;

/**
 * The grammar of conditions:
 *
 *     condition = conjunction { "or" conjunction }
 *     conjunction = term { "and" term }
 *     term  = "not" term | "(" condition ")" | field test | "label" value test
 *           | "key" "(" value [ "," number ] ")" ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
 *           | [ "claimed" ] ( "since" | "before" ) time
 *     test  = ( "=" | "!=" ) value | ( "~" | "!~" ) pattern | [ "not" ] "in" "(" value { "," value } ")"
 *     value = a word, or text in quotes ('it''s')
 *
 * `!=`, `!~` and `not in` are `not` of their opposites: true of an attempt without the field.
 * @throws PlannerError `selection_invalid`, with position, what was expected and an example
 */
export function parseCondition(text: string, instantOf: InstantOf = canonicalInstant): Condition {
  if (text.length > CONDITION_CHARS_MAX)
    throw new PlannerError(
      'selection_invalid',
      `Condition too long: expected at most ${CONDITION_CHARS_MAX} characters, got ${text.length}.`,
    );
  const parser = new Parser(tokensOf(text), instantOf);
  return parser.whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #instantOf: InstantOf;
  #at = 0;
  #parts = 0;
  constructor(tokens: readonly Token[], instantOf: InstantOf) {
    this.#tokens = tokens;
    this.#instantOf = instantOf;
  }

  whole(): Condition {
    const found = this.#condition(0);
    if (this.#token.kind !== 'end') this.#expected('and, or, or the end');
    return found;
  }

  #condition(depth: number): Condition {
    const all = [this.#conjunction(depth)];
    while (this.#takes('word', 'or')) all.push(this.#conjunction(depth));
    return anyOf(all);
  }

  #conjunction(depth: number): Condition {
    const all = [this.#term(depth)];
    while (this.#takes('word', 'and')) all.push(this.#term(depth));
    return allOf(all);
  }

  #term(depth: number): Condition {
    if (depth > CONDITION_DEPTH_MAX) this.#expected(`at most ${CONDITION_DEPTH_MAX} levels of not and parentheses`);
    if (++this.#parts > CONDITION_PARTS_MAX) this.#expected(`at most ${CONDITION_PARTS_MAX} comparisons`);
    if (this.#takes('word', 'not')) return notOf(this.#term(depth + 1));
    if (this.#takes('sign', '(')) {
      const inner = this.#condition(depth + 1);
      this.#sign(')');
      return inner;
    }
    if (this.#token.kind !== 'word') this.#expected(STARTS);
    if (this.#takes('word', 'label')) {
      const label = this.#value('label');
      return this.#test((compared) => ({ label, ...compared }), 'label');
    }
    if (this.#takes('word', 'key')) return this.#key();
    if (this.#takes('word', 'claimed')) return { ...this.#edge(), clock: 'claimed' };
    if (/^(since|before)$/i.test(this.#token.text)) return this.#edge();
    const field = TEXT_FIELDS.find((name) => name === this.#token.text.toLowerCase());
    if (field === undefined) this.#expected(STARTS);
    this.#at++;
    return this.#test((compared) => ({ field, ...compared }), field);
  }

  #test(of: (compared: Comparison) => Condition, field: TextField | 'label'): Condition {
    if (this.#takes('sign', '=')) return of(oneOf([this.#value(field)]));
    if (this.#takes('sign', '!=')) return notOf(of(oneOf([this.#value(field)])));
    if (this.#takes('sign', '~')) return of({ like: this.#value(field, true) });
    if (this.#takes('sign', '!~')) return notOf(of({ like: this.#value(field, true) }));
    const isNot = this.#takes('word', 'not');
    if (!this.#takes('word', 'in')) this.#expected(isNot ? 'in' : '=, !=, ~, !~, in or not in');
    this.#sign('(');
    const values = [this.#value(field)];
    while (this.#takes('sign', ',')) values.push(this.#value(field));
    if (values.length > SELECTION_VALUES_MAX) this.#expected(`at most ${SELECTION_VALUES_MAX} values in a list`);
    this.#sign(')');
    return isNot ? notOf(of(oneOf(values))) : of(oneOf(values));
  }

  #key(): Condition {
    this.#sign('(');
    const start = this.#token;
    const key = this.#value('label');
    const objection = objectionToKey(key);
    if (objection !== undefined) this.#expected(objection, start);
    let at = 1;
    if (this.#takes('sign', ',')) {
      if (!/^[1-9]\d?$/.test(this.#token.text)) this.#expected('the number of a column of the key, from 1 to 99');
      at = Number(this.#token.text);
      this.#at++;
    }
    this.#sign(')');
    const isNot = this.#token.kind === 'sign' && this.#token.text === '!=';
    const op = isNot ? '=' : KEY_OPERATORS.find((sign) => this.#token.kind === 'sign' && sign === this.#token.text);
    if (op === undefined) this.#expected(`!=, ${KEY_OPERATORS.join(', ')}`);
    this.#at++;
    const condition = { key, at, op: op as KeyOperator, value: this.#value('label') };
    return isNot ? notOf(condition) : condition;
  }

  #edge(): { since: number } | { before: number } {
    const isSince = this.#takes('word', 'since');
    if (!isSince && !this.#takes('word', 'before')) this.#expected('since or before');
    const token = this.#token;
    if (token.kind !== 'word' && token.kind !== 'text') this.#expected('a time such as 2h or 2026-03-01T14:00Z');
    this.#at++;
    let ms: number;
    try {
      ms = this.#instantOf(token.text);
    } catch (cause) {
      return this.#expected(`a time such as 2h or 2026-03-01T14:00Z (${(cause as Error).message.replace(/\.$/, '')})`, token, { cause });
    }
    return isSince ? { since: ms } : { before: ms };
  }

  #value(field: TextField | 'label', isPattern = false): string {
    const token = this.#token;
    if (token.kind !== 'word' && token.kind !== 'text') this.#expected(`a value in quotes${field === 'label' ? '' : ` for ${field}`}`);
    const objection = isPattern ? objectionToPattern(token.text) : objectionToValue(field, token.text);
    if (objection !== undefined) this.#expected(objection);
    this.#at++;
    return token.text;
  }

  #sign(sign: string): void {
    if (!this.#takes('sign', sign)) this.#expected(sign);
  }

  #takes(kind: Token['kind'], text: string): boolean {
    const isIt = this.#token.kind === kind && this.#token.text.toLowerCase() === text;
    if (isIt) this.#at++;
    return isIt;
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #expected(what: string, token: Token = this.#token, options?: ErrorOptions): never {
    const found = token.kind === 'end' ? 'the end' : JSON.stringify(token.text.slice(0, 40));
    throw new PlannerError(
      'selection_invalid',
      `Invalid condition at character ${token.at + 1}: expected ${what}, got ${found}. Example: agent = 'pricing-bot' and tool != 'lookup' and since 2h.`,
      options,
    );
  }
}

/** The form that `printCondition` writes. */
function canonicalInstant(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new TypeError('expected a time in UTC with milliseconds');
  return ms;
}
