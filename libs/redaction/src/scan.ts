import type { TextRule } from './rule.ts';

/** A match of a rule in a text. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly rule: TextRule;
}

/** A rejected match of at most this many characters is scanned again from its second character: linear time, multiplied by this. */
const RESCAN_CHARS_MAX = 96;
/**
 * A quoted value may contain further names and values, so a rejected one is scanned again from its first character, whatever its length. Quoted
 * values nest at most as deeply as there are kinds of quotes, so this is linear too; for unquoted values it would not be.
 */
const QUOTE = /["']/;
const MASK = /^\[[a-z0-9-]{1,40}#[0-9a-f]{8}\]?$/;

/** All matches of the rules in a text. Linear time if the patterns are linear, as all built-in ones are. */
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
        // Continues directly after the piece: the rest of the match may contain another one.
        if (length < found.length) pattern.lastIndex = start + length;
      } else if (whole.length <= RESCAN_CHARS_MAX) pattern.lastIndex = match.index + 1;
      else if (start > match.index && QUOTE.test(text[start - 1] as string)) pattern.lastIndex = start;
    }
  }
  return pieces;
}

/** Replaces each piece; overlapping pieces are replaced as one, under the rule of the first. */
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
