import { styleText } from 'node:util';

/** Results go to `out`; progress and notices go to `err`. */
export interface Terminal {
  readonly out: NodeJS.WriteStream | NodeJS.WritableStream;
  readonly err: NodeJS.WriteStream | NodeJS.WritableStream;
}

/** Styles text for one stream. */
export interface Paint {
  (style: Parameters<typeof styleText>[0], text: string): string;
  /** Columns of the terminal; undefined for files and pipes, whose lines are not shortened. */
  readonly columns?: number | undefined;
}

/** Colours only for a terminal that supports them; respects NO_COLOR and FORCE_COLOR. */
export function painter(stream: Terminal['out']): Paint {
  const tty = (stream as NodeJS.WriteStream).isTTY === true;
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    tty || process.env.FORCE_COLOR ? styleText(style, text, { stream: stream as NodeJS.WriteStream, validateStream: true }) : text;
  return Object.assign(paint, { columns: (stream as NodeJS.WriteStream).columns });
}

/** Replaces control and direction characters, line breaks included: recorded text comes from agents and must not control the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, (_key, field) => (typeof field === 'bigint' ? field.toString() : field), 2)}\n`;
}

/** `1 step`, `2 steps`; `1 entry`, `2 entries` with a plural of its own. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
