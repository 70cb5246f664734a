import type { TextRule } from './rule.ts';

/** A piece of a text that a rule found. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly rule: TextRule;
}

/** Matches up to this many characters that turn out to be nothing are looked at again from their second one: linear, times this. */
const LOOK_AGAIN_CHARACTERS_MAX = 96;
/**
 * What a quote opens may hold a whole text with names and values of its own: longer ones are looked at from within too. Quoted values do not lie within one another
 * more often than there are kinds of quotes, so that this is linear as well; those without quotes would.
 */
const QUOTE = /["']/;
const MASK = /^\[[a-z0-9-]{1,40}#[0-9a-f]{8}\]?$/;

/** What the rules find in a text. Time is linear in the text for patterns that are, such as all of those that come with Recant. */
export function piecesOf(text: string, rules: readonly TextRule[]): Piece[] {
  const pieces: Piece[] = [];
  for (const rule of rules) {
    const { pattern, take } = rule;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const whole = match[0];
      const found = match.find((group, index) => index > 0 && group !== undefined) ?? whole;
      const start = match.index + whole.length - found.length;
      const length = MASK.test(found) ? 0 : (take?.(found) ?? found.length);
      if (length > 0) {
        pieces.push({ start, end: start + length, rule });
        // What a match took and the piece does not need is looked at for the next one.
        if (length < found.length) pattern.lastIndex = start + length;
      } else if (whole.length <= LOOK_AGAIN_CHARACTERS_MAX) pattern.lastIndex = match.index + 1;
      else if (start > match.index && QUOTE.test(text[start - 1] as string)) pattern.lastIndex = start;
    }
  }
  return pieces;
}

/** The text with each piece replaced; pieces that overlap are one, under the name of the first. */
export function replacePieces(text: string, pieces: readonly Piece[], mask: (rule: string, value: string) => string): string {
  const sorted = [...pieces].sort((a, b) => a.start - b.start || b.end - a.end);
  let result = '';
  let done = 0;
  for (let index = 0; index < sorted.length; ) {
    const { start, rule } = sorted[index] as Piece;
    let { end } = sorted[index] as Piece;
    for (index += 1; index < sorted.length && (sorted[index] as Piece).start < end; index += 1)
      end = Math.max(end, (sorted[index] as Piece).end);
    result += text.slice(done, start) + mask(rule.name, text.slice(start, end));
    done = end;
  }
  return result + text.slice(done);
}
