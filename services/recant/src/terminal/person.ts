import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError, EXIT } from './exit.ts';
import type { World } from './session.ts';

/** Name of the local person of `recant up`. */
export const LOCAL_PERSON = 'operator';

/** A person's credential: an OpenID token, or the local person's name and password. */
export type Person = { readonly apiKey: string } | { readonly person: { readonly name: string; readonly password: string } };

/** RECANT_TOKEN, else RECANT_PASSWORD of the local person, else the password that the user types. */
export async function findPerson(world: World): Promise<Person> {
  const { RECANT_TOKEN: token, RECANT_PASSWORD: password } = world.env;
  if (token) {
    world.onCredential?.({ source: 'RECANT_TOKEN' });
    return { apiKey: token };
  }
  world.onCredential?.({ source: password ? 'RECANT_PASSWORD' : 'the prompt' });
  return { person: { name: LOCAL_PERSON, password: password || (await askPassword(world)) } };
}

async function askPassword(world: World): Promise<string> {
  if (world.input.isTTY !== true)
    throw new CliError(
      EXIT.usage,
      'No terminal to ask for a password',
      `Set RECANT_TOKEN to a token, or RECANT_PASSWORD to the password of \`${LOCAL_PERSON}\`.`,
    );
  return askHidden(world, `Password of ${LOCAL_PERSON}: `);
}

/** The line that the user types, without its echo. Rejects at Ctrl-C. */
export async function askHidden(world: World, question: string): Promise<string> {
  world.err.write(question);
  // Discards the echo of typed characters.
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: world.input, output: discard, terminal: true });
  try {
    return (await lines.question('', { signal: world.signal })).trim();
  } finally {
    lines.close();
    world.err.write('\n');
  }
}
