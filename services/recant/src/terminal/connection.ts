import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CliError, EXIT } from './exit.ts';

/** Data folder of `recant up` unless `--dir` or RECANT_DIR name another. */
export const DIR_DEFAULT = '.recant';
/** In the data folder: address of the service and the operator's key, for commands in the same directory. */
export const CREDENTIALS_FILE = 'cli.json';

const START =
  'Start a service with `recant up` here or in a parent folder of this repository, name its folder with --dir, or set RECANT_URL and RECANT_API_KEY.';

export interface ConnectionOptions {
  readonly url?: string;
  readonly key?: string;
  readonly dir?: string;
}

/** Where a credential came from. */
export interface Credential {
  /** Option, environment variable or file. */
  readonly source: string;
  /** File with another key, which this one overrides. */
  readonly overrides?: string;
}

export interface Connection {
  readonly url: string;
  readonly apiKey: string;
  readonly credential: Credential;
}

/** Options, then RECANT_URL and RECANT_API_KEY or RECANT_TOKEN (a person's token), then the data folder of `recant up`. */
export async function findConnection(options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<Connection> {
  const saved = await readSaved(folderOf(options.dir, env));
  const url = urlOf(options, env, saved);
  const given: readonly (readonly [source: string, key: string | undefined])[] = [
    ['--key', options.key],
    ['RECANT_API_KEY', env.RECANT_API_KEY],
    ['RECANT_TOKEN', env.RECANT_TOKEN],
  ];
  const [source, apiKey] = given.find(([, key]) => key) ?? [];
  if (source !== undefined && apiKey)
    return { url, apiKey, credential: { source, ...(saved?.apiKey === undefined ? {} : { overrides: saved.path }) } };
  if (saved?.apiKey === undefined) throw new CliError(EXIT.unreachable, 'No API key found', START);
  return { url, apiKey: saved.apiKey, credential: { source: saved.path } };
}

/**
 * The data folder of a running service: `--dir`, RECANT_DIR (empty counts as unset), or the nearest `.recant` from `cwd` up to the root of the git
 * repository or npm workspace. Outside of both only `cwd` is searched, so that a folder of another user is never used.
 */
export function folderOf(dir: string | undefined, env: NodeJS.ProcessEnv, cwd = process.cwd()): string {
  return dir ?? (env.RECANT_DIR || (nearestFolder(cwd) ?? join(cwd, DIR_DEFAULT)));
}

function nearestFolder(cwd: string): string | undefined {
  let nearest: string | undefined;
  for (let at = resolve(cwd); ; at = dirname(at)) {
    const folder = join(at, DIR_DEFAULT);
    if (nearest === undefined && existsSync(folder)) nearest = folder;
    if (isRoot(at)) return nearest;
    if (at === dirname(at)) return undefined;
  }
}

function isRoot(path: string): boolean {
  if (existsSync(join(path, '.git'))) return true;
  try {
    return 'workspaces' in (JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as object);
  } catch {
    return false;
  }
}

/** The address of the service alone, for commands that authenticate in another way. */
export async function findUrl(options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<string> {
  return urlOf(options, env, await readSaved(folderOf(options.dir, env)));
}

interface Saved {
  readonly path: string;
  readonly url?: string;
  readonly apiKey?: string;
}

function urlOf(options: ConnectionOptions, env: NodeJS.ProcessEnv, saved: Saved | undefined): string {
  const url = options.url ?? (env.RECANT_URL || saved?.url);
  if (url === undefined) throw new CliError(EXIT.unreachable, 'No service address found', START);
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new CliError(
      EXIT.usage,
      `Invalid service address ${JSON.stringify(url)}`,
      'Expected an http(s) address such as http://127.0.0.1:7300.',
    );
  return url;
}

async function readSaved(dir: string): Promise<Saved | undefined> {
  const path = join(resolve(dir), CREDENTIALS_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(
      EXIT.unreachable,
      `Cannot read ${path}: ${(error as Error).message}`,
      'Run as the user who started `recant up`, or set RECANT_URL and RECANT_API_KEY.',
      { cause: error },
    );
  }
  try {
    return { ...(JSON.parse(text) as Omit<Saved, 'path'>), path };
  } catch (cause) {
    throw new CliError(
      EXIT.unreachable,
      `${path} is not valid JSON`,
      'Set RECANT_URL and RECANT_API_KEY, or stop the service, delete the file and start the service again.',
      { cause },
    );
  }
}
