import type { Terminal } from './output.ts';

/** Progress on stderr: one line that is overwritten on a terminal; elsewhere a new line for each new text. */
export interface Progress {
  note(text: string): void;
  done(): void;
}

export function progressLine(stream: Terminal['err']): Progress {
  const tty = (stream as NodeJS.WriteStream).isTTY === true;
  let last = '';
  return {
    note(text) {
      if (text === last) return;
      last = text;
      stream.write(tty ? `\r\u001b[2K${text}` : `${text}\n`);
    },
    done() {
      if (tty && last !== '') stream.write('\r\u001b[2K');
      last = '';
    },
  };
}
