import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliError, EXIT } from './exit.ts';

/** Folder of `recant up` unless `--dir` or RECANT_DIR say otherwise. */
export const DIR_DEFAULT = '.recant';
export const CREDENTIALS_FILE = 'cli.json';

const START = 'Start one with `recant up` in this folder, or set RECANT_URL and RECANT_API_KEY.';

export interface ConnectionOptions {
  readonly url?: string;
  readonly key?: string;
  readonly dir?: string;
}

export interface Connection {
  readonly url: string;
  readonly apiKey: string;
}

/** Where the service is and as whom: options, then RECANT_URL and RECANT_API_KEY or a person's RECANT_TOKEN, then what `recant up` left in its folder. */
export async function findConnection(options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<Connection> {
  const kept = await readKept(folderOf(options.dir, env));
  const url = urlOf(options, env, kept);
  const apiKey = options.key ?? (env.RECANT_API_KEY || env.RECANT_TOKEN || kept?.apiKey);
  if (apiKey === undefined) throw new CliError(EXIT.unreachable, 'No API key is known here', START);
  return { url, apiKey };
}

/** An empty variable counts as left out, as it does for services. */
export function folderOf(dir: string | undefined, env: NodeJS.ProcessEnv): string {
  return dir ?? (env.RECANT_DIR || DIR_DEFAULT);
}

/** Where the service is, for whoever says otherwise who they are. */
export async function findUrl(options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<string> {
  return urlOf(options, env, await readKept(folderOf(options.dir, env)));
}

function urlOf(options: ConnectionOptions, env: NodeJS.ProcessEnv, kept: Partial<Connection> | undefined): string {
  const url = options.url ?? (env.RECANT_URL || kept?.url);
  if (url === undefined) throw new CliError(EXIT.unreachable, 'No service is known here', START);
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new CliError(EXIT.usage, `${JSON.stringify(url)} is not an http(s) address`, 'Write it like http://127.0.0.1:7300.');
  return url;
}

async function readKept(dir: string): Promise<Partial<Connection> | undefined> {
  const path = join(resolve(dir), CREDENTIALS_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(
      EXIT.unreachable,
      `${path} cannot be read: ${(error as Error).message}`,
      'Run as the user who started `recant up`, or set RECANT_URL and RECANT_API_KEY.',
      { cause: error },
    );
  }
  try {
    return JSON.parse(text) as Partial<Connection>;
  } catch (cause) {
    throw new CliError(
      EXIT.unreachable,
      `${path} is not JSON`,
      'Set RECANT_URL and RECANT_API_KEY, or stop the service, delete the file and start it again.',
      { cause },
    );
  }
}
