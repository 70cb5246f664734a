/** Output of the demo: numbered scenes, the commands of an operator, their output indented. */
import { painter, type Terminal } from '../terminal/output.ts';

export interface Screen {
  scene(title: string): void;
  command(text: string): void;
  show(text: string): void;
  verdict(good: boolean, text: string): void;
}

export function createScreen(terminal: Terminal): Screen {
  const paint = painter(terminal.out);
  const write = (text: string): void => void terminal.out.write(`${text}\n`);
  let scenes = 0;
  return {
    scene: (title) => write(paint('bold', `${scenes++ === 0 ? '' : '\n'}${scenes}. ${title}`)),
    command: (text) => write(paint('cyan', `   $ ${text}`)),
    show: (text) => {
      for (const line of text.trimEnd().split('\n')) write(`   ${line}`.trimEnd());
    },
    verdict: (good, text) => write(paint(good ? 'green' : 'red', `\n${text}`)),
  };
}
