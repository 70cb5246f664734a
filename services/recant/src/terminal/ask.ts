import { createInterface } from 'node:readline/promises';
import { CliError, EXIT } from './exit.ts';
import type { World } from './session.ts';

/** @throws CliError `usage` where stdin is no terminal, before anything is printed */
export function requireTerminal(world: World, message: string, action: string): void {
  if (world.input.isTTY !== true) throw new CliError(EXIT.usage, message, action);
}

/** The line that the user types after `question`. Rejects at Ctrl-C. */
export async function ask(world: World, question: string): Promise<string> {
  const lines = createInterface({ input: world.input, output: world.err as NodeJS.WritableStream });
  try {
    return (await lines.question(question, { signal: world.signal })).trim();
  } finally {
    lines.close();
  }
}
