import { readFile } from 'node:fs/promises';
import { CliError, EXIT } from '../terminal/exit.ts';
import { askHidden } from '../terminal/person.ts';
import type { World } from '../terminal/session.ts';

export interface DatabaseOptions {
  readonly database?: string;
  readonly databaseFile?: string;
}

const WHERE = 'Set RECANT_CONNECT_URL or PGPASSWORD, pass --database-file FILE, or leave the password out to be asked for it.';

/**
 * Address of a database with its password: --database (without a password), --database-file, RECANT_CONNECT_URL, or PGHOST and its relatives.
 * The password comes from there, from PGPASSWORD, or from the prompt; never from the command line, which other local users can read.
 * @throws CliError `usage`
 */
export async function databaseAddress(world: World, { database, databaseFile }: DatabaseOptions): Promise<string> {
  const { env } = world;
  const given = database ?? (databaseFile === undefined ? env.RECANT_CONNECT_URL : await firstLine(databaseFile)) ?? fromParts(env);
  if (!given)
    throw new CliError(
      EXIT.usage,
      'No address of the database',
      'Pass --database postgres://owner@host/name, or set RECANT_CONNECT_URL or PGHOST.',
    );
  const url = parse(given, database === undefined ? 'The address' : '--database');
  if (database !== undefined && url.password !== '')
    throw new CliError(
      EXIT.usage,
      'A password on the command line is readable by other users of this machine, and stays in the history of the shell',
      WHERE,
    );
  if (url.password === '') url.password = encodeURIComponent(env.PGPASSWORD || (await askPassword(world, url)));
  return url.href;
}

function parse(text: string, what: string): URL {
  const url = /^postgres(ql)?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined)
    throw new CliError(EXIT.usage, `${what} is not a PostgreSQL address`, 'Pass an address such as postgres://owner@db.example/shop.');
  return url;
}

/** The variables of psql. */
function fromParts({ PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: name }: NodeJS.ProcessEnv): string | undefined {
  if (!host) return undefined;
  const login = user ? `${encodeURIComponent(user)}@` : '';
  return `postgres://${login}${host}${port ? `:${port}` : ''}/${encodeURIComponent(name || user || 'postgres')}`;
}

async function firstLine(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).split('\n')[0]?.trim() ?? '';
  } catch (cause) {
    throw new CliError(EXIT.usage, `Cannot read --database-file: ${(cause as Error).message}`, undefined, { cause });
  }
}

/** Empty where nobody can be asked: the server may not want a password. */
async function askPassword(world: World, url: URL): Promise<string> {
  if (world.input.isTTY !== true) return '';
  return askHidden(world, `Password of ${decodeURIComponent(url.username) || 'the owner'}: `);
}
