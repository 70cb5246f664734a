import { styleText } from 'node:util';
import Table from 'cli-table3';

/** Where a command writes: results to `out`, progress and remarks to `err`. */
export interface Terminal {
  readonly out: NodeJS.WriteStream | NodeJS.WritableStream;
  readonly err: NodeJS.WriteStream | NodeJS.WritableStream;
}

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** Colours only where the stream is a terminal that wants them (NO_COLOR, FORCE_COLOR are heeded). */
export function painter(stream: Terminal['out']): Paint {
  const tty = (stream as NodeJS.WriteStream).isTTY === true;
  return (style, text) =>
    tty || process.env.FORCE_COLOR ? styleText(style, text, { stream: stream as NodeJS.WriteStream, validateStream: true }) : text;
}

/** Columns of the terminal; wide where there is none, so that files and pipes are not cut. */
export function columnsOf(stream: Terminal['out']): number {
  return (stream as NodeJS.WriteStream).columns ?? 200;
}

export type Cell = string | number;

/** A table without a frame: a header line, then rows; as wide as its content. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
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
  bare.push(head.map((name) => paint('bold', name)));
  for (const row of rows) bare.push(row.map((cell) => ({ content: printable(String(cell)) })));
  return bare.toString().replace(/[ \t]+$/gm, '');
}

/** What was recorded comes from agents: no control character of theirs reaches the terminal, and no end of a line that would pass for ours. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, (_key, field) => (typeof field === 'bigint' ? field.toString() : field), 2)}\n`;
}
