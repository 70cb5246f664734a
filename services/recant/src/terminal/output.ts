import { stripVTControlCharacters, styleText } from 'node:util';
import Table from 'cli-table3';

/** Where a command writes: results to `out`, progress and remarks to `err`. */
export interface Terminal {
  readonly out: NodeJS.WriteStream | NodeJS.WritableStream;
  readonly err: NodeJS.WriteStream | NodeJS.WritableStream;
}

/** How one stream shows things. */
export interface Paint {
  (style: Parameters<typeof styleText>[0], text: string): string;
  /** Columns of the terminal; undefined where there is none: files and pipes are not cut. */
  readonly columns?: number | undefined;
}

/** Colours only where the stream is a terminal that wants them (NO_COLOR, FORCE_COLOR are heeded). */
export function painter(stream: Terminal['out']): Paint {
  const tty = (stream as NodeJS.WriteStream).isTTY === true;
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    tty || process.env.FORCE_COLOR ? styleText(style, text, { stream: stream as NodeJS.WriteStream, validateStream: true }) : text;
  return Object.assign(paint, { columns: (stream as NodeJS.WriteStream).columns });
}

export type Cell = string | number;

/** A UUID, or the id of a key. */
const ID = /\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{20})\b/g;
const ID_END = 6;

/**
 * A table without a frame: a header line, then rows; as wide as its content. Where the terminal is narrower, ids are shortened to their ends; but an id that is
 * a cell of its own is what the next command takes, and stays. `--json` has all.
 */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const cells = rows.map((row) => row.map((cell) => printable(String(cell))));
  const header = head.map((name) => paint('bold', name));
  const whole = bareTable(header, cells);
  if (paint.columns === undefined || widthOf(whole) <= paint.columns) return whole;
  const shorten = (cell: string): string => cell.replace(ID, (id) => (id === cell ? id : `…${id.slice(-ID_END)}`));
  return bareTable(
    header,
    cells.map((row) => row.map(shorten)),
  );
}

function bareTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const bare = new Table({
    chars: { ...none, left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  bare.push([...head]);
  for (const row of rows) bare.push(row.map((content) => ({ content })));
  return bare.toString().replace(/[ \t]+$/gm, '');
}

function widthOf(text: string): number {
  return Math.max(...text.split('\n').map((line) => stripVTControlCharacters(line).length));
}

/** What was recorded comes from agents: no control character of theirs reaches the terminal, and no end of a line that would pass for ours. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, (_key, field) => (typeof field === 'bigint' ? field.toString() : field), 2)}\n`;
}

/** `1 step`, `2 steps`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
