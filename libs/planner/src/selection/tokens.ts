/** `word`: a name, a number or a time without quotes. `text`: between quotes, which are doubled inside. `at`: characters before it. */
export interface Token {
  readonly kind: 'word' | 'text' | 'sign' | 'broken' | 'end';
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /(?<space>\s+)|(?<text>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?<sign>!=|!~|<=|>=|[=~<>(),])|(?<word>[\p{L}\p{N}_][\p{L}\p{N}_.:+@-]*)/uy;

/** The tokens of a condition, the last one being `end`, or `broken` where no token starts. */
export function tokensOf(condition: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < condition.length) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(condition)?.groups;
    if (groups === undefined) return [...tokens, { kind: 'broken', text: condition.slice(at), at }];
    const { space, text, sign, word } = groups;
    if (text !== undefined) tokens.push({ kind: 'text', text: unquoted(text), at });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
    at += (space ?? text ?? sign ?? word ?? ' ').length;
  }
  return [...tokens, { kind: 'end', text: '', at }];
}

export function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function unquoted(text: string): string {
  const quote = text[0] as string;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}
