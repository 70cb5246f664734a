import { createLocalPeople, hashPassword, newPassword, type People } from '@recant/service';
import { OPERATOR_TENANT } from '@recant/store';
import { DIR_DEFAULT } from '../cli/connection.ts';
import { CliError, EXIT } from '../cli/exit.ts';
import { type Folder, folderAt } from './folder.ts';

/** What is kept of the local person's password: only its hash, readable by this user only. */
const FILE = 'operator.password';

/** @returns the password where it was made now, to be shown once */
export async function ensurePassword(folder: Folder): Promise<string | undefined> {
  return (await folder.read(FILE)) === undefined ? keepNew(folder) : undefined;
}

/** A new password in place of the old one, for a service that runs too. @throws CliError where there is none to replace */
export async function resetPassword(dir: string = DIR_DEFAULT): Promise<string> {
  const folder = folderAt(dir);
  if ((await folder.read(FILE)) !== undefined) return keepNew(folder);
  throw new CliError(EXIT.usage, `No \`recant up\` has been started in ${folder.path}`, 'Name its folder with --dir or RECANT_DIR.');
}

export function localPeople(folder: Folder): People {
  return createLocalPeople({ tenant: OPERATOR_TENANT, readHash: () => folder.read(FILE), clock: Date.now });
}

async function keepNew(folder: Folder): Promise<string> {
  const password = newPassword();
  await folder.keep(FILE, `${await hashPassword(password)}\n`);
  return password;
}
