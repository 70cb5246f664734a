import { createInterface } from 'node:readline/promises';
import { CliError, EXIT } from './exit.ts';
import type { World } from './session.ts';

/** @throws CliError `usage` where there is no terminal to ask at, before anything is shown. */
export function requirePerson(world: World, message: string, action: string): void {
  if (world.input.isTTY !== true) throw new CliError(EXIT.usage, message, action);
}

/** What the person in front of the terminal types. Rejects at Ctrl-C. */
export async function ask(world: World, question: string): Promise<string> {
  const lines = createInterface({ input: world.input, output: world.err as NodeJS.WritableStream });
  try {
    return (await lines.question(question, { signal: world.signal })).trim();
  } finally {
    lines.close();
  }
}
