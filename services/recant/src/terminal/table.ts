import { type Paint, printable } from './output.ts';

export type Cell = string | number;

/** A UUID, or the id of a key. */
const ID = /\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{20})\b/g;
/** A cell that is an id: the next command takes it, so it is never shortened. */
const ID_CELL = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{20})(?: \(.*\))?$/;
const RIGID = /^(?:[0-9]*|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC)$/;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;
const ID_END = 6;
const GAP = 2;
/** Columns that a column of text keeps in a narrow terminal. */
const WIDTH_MIN = 10;

/**
 * A header line, then rows, as wide as their content. In a narrower terminal ids within texts are shortened to their ends; then ids that are cells
 * move to a line of their own below the row, and texts wrap within their columns. `--json` has everything.
 */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const cells = rows.map((row) => row.map((cell) => printable(String(cell))));
  return lines([...head], cells, paint).join('\n');
}

/** One row without a header, for output that streams. */
export function tableRow(row: readonly Cell[], paint: Paint): string {
  const cells = row.map((cell) => printable(String(cell)));
  return lines(undefined, [cells], paint).join('\n');
}

function lines(head: readonly string[] | undefined, rows: readonly (readonly string[])[], paint: Paint): string[] {
  const { columns = Number.POSITIVE_INFINITY } = paint;
  const whole = grid(head, rows, paint);
  if (fits(whole, columns)) return whole.lines;
  const short = rows.map((row) => row.map(shortened));
  const shorter = grid(head, short, paint);
  if (fits(shorter, columns)) return shorter.lines;
  return narrow(head, short, paint, columns);
}

interface Grid {
  readonly lines: string[];
  readonly width: number;
}

const fits = ({ width }: Grid, columns: number): boolean => width <= columns;

function grid(head: readonly string[] | undefined, rows: readonly (readonly string[])[], paint: Paint): Grid {
  const widths = widthsOf(head, rows);
  const heading = head === undefined ? [] : [line(head, widths, (name) => paint('bold', name))];
  return { lines: [...heading, ...rows.map((row) => line(row, widths))], width: total(widths) };
}

function narrow(head: readonly string[] | undefined, rows: readonly (readonly string[])[], paint: Paint, columns: number): string[] {
  const places = (rows[0] ?? head ?? []).map((_, at) => at);
  const isId = (at: number): boolean =>
    rows.some((row) => row[at] !== '') && rows.every((row) => row[at] === '' || ID_CELL.test(row[at] ?? ''));
  const ids = places.filter(isId);
  const texts = places.filter((at) => !ids.includes(at));
  const pick = (row: readonly string[], from: readonly number[]): string[] => from.map((at) => row[at] ?? '');
  const [shownHead, shownRows] = [head === undefined ? undefined : pick(head, texts), rows.map((row) => pick(row, texts))];
  const widths = shrunk(widthsOf(shownHead, shownRows), shownRows, columns);
  const heading = shownHead === undefined ? [] : [line(shownHead, widths, (name) => paint('bold', name))];
  const body = rows.flatMap((row, at) => [
    ...wrappedLines(shownRows[at] ?? [], widths),
    ...pick(row, ids)
      .filter((id) => id !== '')
      .map((id) => `  ${id}`),
  ]);
  return [...heading, ...body];
}

/** Takes columns from the widest column of text until the row fits. */
function shrunk(widths: readonly number[], rows: readonly (readonly string[])[], columns: number): number[] {
  const left = [...widths];
  const elastic = widths.map((_, at) => rows.some((row) => !RIGID.test(row[at] ?? '')));
  while (total(left) > columns) {
    const widest = left.reduce((best, width, at) => (elastic[at] && width > (left[best] ?? 0) ? at : best), -1);
    if (widest < 0 || (left[widest] ?? 0) <= WIDTH_MIN) break;
    left[widest] = (left[widest] ?? 0) - 1;
  }
  return left;
}

function wrappedLines(row: readonly string[], widths: readonly number[]): string[] {
  const wrapped = row.map((cell, at) => wrap(cell, widths[at] ?? WIDTH_MIN));
  const height = Math.max(1, ...wrapped.map((cell) => cell.length));
  return Array.from({ length: height }, (_, at) =>
    line(
      wrapped.map((cell) => cell[at] ?? ''),
      widths,
    ),
  );
}

/** Breaks at spaces; a longer word is cut. */
function wrap(text: string, width: number): string[] {
  const done: string[] = [];
  let current = '';
  for (const word of text.split(' ').map((each) => cut(each, width))) {
    const next = current === '' ? word : `${current} ${word}`;
    if (displayWidth(next) <= width) current = next;
    else {
      done.push(current);
      current = word;
    }
  }
  return [...done, current];
}

function cut(word: string, width: number): string {
  if (displayWidth(word) <= width) return word;
  let start = '';
  for (const character of word) {
    if (displayWidth(start + character) > width - 1) break;
    start += character;
  }
  return `${start}…`;
}

function shortened(cell: string): string {
  return ID_CELL.test(cell) ? cell : cell.replace(ID, (id) => `…${id.slice(-ID_END)}`);
}

function widthsOf(head: readonly string[] | undefined, rows: readonly (readonly string[])[]): number[] {
  const all = head === undefined ? rows : [head, ...rows];
  return (all[0] ?? []).map((_, at) => Math.max(...all.map((row) => displayWidth(row[at] ?? ''))));
}

function line(row: readonly string[], widths: readonly number[], style: (cell: string) => string = (cell) => cell): string {
  return row
    .map((cell, at) => style(cell) + ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(cell))))
    .join(' '.repeat(GAP))
    .trimEnd();
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * Math.max(0, widths.length - 1));
}

function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : 1;
  return width;
}
