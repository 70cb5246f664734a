import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OPERATOR_TENANT } from '@recant/events';
import { ConfigError } from '@recant/service';
import { parseSigningKeys, type SigningKeys } from '@recant/service-ledger/wire';
import { DATABASE_FILE } from '../folder/folder.ts';
import { folderOf } from '../terminal/connection.ts';
import { CliError, EXIT } from '../terminal/exit.ts';

export interface PlaceOptions {
  readonly dir?: string;
  readonly tenant?: string;
}

/** A ledger's database and signing keys. */
export interface LedgerPlace {
  readonly databaseUrl: string;
  readonly tenant: string;
  readonly keys: SigningKeys;
}

/** DATABASE_URL and RECANT_SIGNING_KEY_FILE, else the data folder of `recant up`. */
export async function findLedger({ dir, tenant }: PlaceOptions, env: NodeJS.ProcessEnv): Promise<LedgerPlace> {
  const folder = resolve(folderOf(dir, env));
  const databaseUrl = env.DATABASE_URL || (await readIfPresent(join(folder, DATABASE_FILE)));
  if (databaseUrl === undefined) {
    throw new CliError(
      EXIT.failed,
      'No ledger found',
      'Set DATABASE_URL, start `recant up` here or in a parent folder of this repository, or pass --dir.',
    );
  }
  const keyFile = env.RECANT_SIGNING_KEY_FILE || join(folder, 'signing.key');
  const text = await readIfPresent(keyFile);
  if (text === undefined) {
    throw new CliError(
      EXIT.failed,
      `No signing keys at ${keyFile}`,
      'Set RECANT_SIGNING_KEY_FILE to the file with the keys of this ledger.',
    );
  }
  try {
    return { databaseUrl, tenant: tenant ?? OPERATOR_TENANT, keys: parseSigningKeys(text, keyFile) };
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(EXIT.usage, cause.problems.join('; '), 'Restore the original file.', { cause });
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(EXIT.failed, `Cannot read ${path}: ${(cause as Error).message}`, 'Run as the user who started `recant up`.', {
      cause,
    });
  }
}
