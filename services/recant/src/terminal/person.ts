import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError, EXIT } from './exit.ts';
import type { World } from './session.ts';

/** The local person of `recant up`. */
export const LOCAL_PERSON = 'operator';

/** What shows who somebody is, where a key does not do. */
export type Person = { readonly apiKey: string } | { readonly person: { readonly name: string; readonly password: string } };

/** A token of the environment, else the local person's password: of the environment, else typed. */
export async function findPerson(world: World): Promise<Person> {
  const { RECANT_TOKEN: token, RECANT_PASSWORD: kept } = world.env;
  if (token) return { apiKey: token };
  const password = kept || (await askPassword(world));
  return { person: { name: LOCAL_PERSON, password } };
}

async function askPassword(world: World): Promise<string> {
  if (world.input.isTTY !== true)
    throw new CliError(
      EXIT.usage,
      'Nobody is there to type a password',
      'Set RECANT_TOKEN to a token, or RECANT_PASSWORD to the password of `operator`.',
    );
  world.err.write(`Password of ${LOCAL_PERSON}: `);
  // What is typed is echoed to where nobody sees it.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: world.input, output: nowhere, terminal: true });
  try {
    return (await lines.question('', { signal: world.signal })).trim();
  } finally {
    lines.close();
    world.err.write('\n');
  }
}
