/** One statement of a text. */
export interface Statement {
  /** Offset of its first word. */
  readonly start: number;
  /** Its first two words, in upper case. */
  readonly head: string;
}

const SKIPPED = /(?:\s|--[^\n]*)+/y;
const QUOTED = /"(?:[^"]|"")*"/y;
const PLAIN_STRING = /'(?:[^']|'')*'/y;
const ESCAPE_STRING = /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;

/**
 * The statements of a text of SQL. Undefined if that is not certain: a backslash in a plain string, whose meaning depends on a setting of the
 * session; a function body in SQL (`BEGIN ATOMIC`); an open quote or comment.
 */
export function splitStatements(text: string): Statement[] | undefined {
  const statements: { start: number; words: string[] }[] = [];
  let current: { start: number; words: string[] } | undefined;
  for (let at = 0; at < text.length; ) {
    const blank = matchAt(SKIPPED, text, at)?.length ?? commentLength(text, at);
    if (blank === undefined) return undefined;
    if (blank > 0) {
      at += blank;
      continue;
    }
    if (text[at] === ';') {
      current = undefined;
      at += 1;
      continue;
    }
    if (current === undefined) {
      current = { start: at, words: [] };
      statements.push(current);
    }
    const token = tokenAt(text, at);
    if (token === undefined) return undefined;
    if (current.words.length < 2 || /^atomic$/i.test(token)) current.words.push(token.toUpperCase());
    if (current.words.at(-1) === 'ATOMIC') return undefined;
    at += token.length;
  }
  return statements.map(({ start, words }) => ({ start, head: words.slice(0, 2).join(' ') }));
}

/** Length of the nested comment that begins here, or 0; undefined if it does not end. */
function commentLength(text: string, at: number): number | undefined {
  if (!text.startsWith('/*', at)) return 0;
  let depth = 0;
  for (let end = at; end < text.length; ) {
    if (text.startsWith('/*', end)) depth += 1;
    else if (text.startsWith('*/', end)) depth -= 1;
    else {
      end += 1;
      continue;
    }
    end += 2;
    if (depth === 0) return end - at;
  }
  return undefined;
}

/** The token that begins here; undefined if its end is not certain. */
function tokenAt(text: string, at: number): string | undefined {
  const escaped = matchAt(ESCAPE_STRING, text, at) ?? matchAt(QUOTED, text, at);
  if (escaped !== undefined) return escaped;
  const first = text[at] ?? '';
  if (first === "'") {
    const plain = matchAt(PLAIN_STRING, text, at);
    return plain?.includes('\\') ? undefined : plain;
  }
  if (first === '"') return undefined;
  const delimiter = matchAt(DOLLAR_QUOTE, text, at);
  if (delimiter !== undefined) {
    const end = text.indexOf(delimiter, at + delimiter.length);
    return end < 0 ? undefined : text.slice(at, end + delimiter.length);
  }
  return matchAt(WORD, text, at) ?? first;
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Statements that begin or end a transaction, or only steer the session: they write no row. */
const WRITES_NOTHING =
  /^(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE TRANSACTION|SET|RESET|SHOW|DISCARD|LISTEN|UNLISTEN|VACUUM)\b/;
/** Statements after which a name comes too late. */
const ENDS_TRANSACTION = /^(?:COMMIT|END|PREPARE TRANSACTION)\b/;

/** How to send a text so that the transaction of each of its statements is named before it ends. */
export type SendPlan =
  | { readonly kind: 'unchanged' }
  /** One statement: the naming follows as a message of its own. */
  | { readonly kind: 'one' }
  /** The naming becomes statements of the text. */
  | { readonly kind: 'text'; readonly text: string; readonly inserted: readonly Insertion[] };

/** Characters inserted into a text, by their place in the new text. */
export interface Insertion {
  readonly at: number;
  readonly length: number;
}

/** @param naming the statement that names the transaction if it has written */
export function planText(text: string, naming: string): SendPlan {
  const statements = splitStatements(text);
  if (statements === undefined) return { kind: 'text', text: `${text}\n;${naming}`, inserted: [] };
  const [first] = statements;
  if (first === undefined || statements.every(({ head }) => WRITES_NOTHING.test(head))) return { kind: 'unchanged' };
  if (statements.length === 1 && !/^COPY\b/.test(first.head)) return { kind: 'one' };
  const inserted: Insertion[] = [];
  let out = '';
  let from = 0;
  const insertion = `${naming}; `;
  for (const [index, { start, head }] of statements.entries()) {
    if (index === 0 || !ENDS_TRANSACTION.test(head)) continue;
    out += text.slice(from, start);
    inserted.push({ at: [...out].length, length: [...insertion].length });
    out += insertion;
    from = start;
  }
  return { kind: 'text', text: `${out}${text.slice(from)}\n;${naming}`, inserted };
}

/** Place in the text before the insertions. @param position in characters, from 1 */
export function positionBefore(position: number, inserted: readonly Insertion[]): number {
  const shift = inserted.filter(({ at }) => at < position - 1).reduce((sum, { length }) => sum + length, 0);
  return position - shift;
}
