import type { Terminal } from './output.ts';

/** Progress on stderr: one line that is overwritten on a terminal, and cut off where it is wider; elsewhere a new line for each new text. */
export interface Progress {
  note(text: string): void;
  done(): void;
}

export function progressLine(stream: Terminal['err']): Progress {
  const tty = (stream as NodeJS.WriteStream).isTTY === true;
  let last = '';
  // A line that wraps could not be overwritten.
  const cut = (text: string): string => {
    const most = ((stream as NodeJS.WriteStream).columns || Number.POSITIVE_INFINITY) - 1;
    return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  };
  return {
    note(text) {
      if (text === last) return;
      last = text;
      stream.write(tty ? `\r\u001b[2K${cut(text)}` : `${text}\n`);
    },
    done() {
      if (tty && last !== '') stream.write('\r\u001b[2K');
      last = '';
    },
  };
}
