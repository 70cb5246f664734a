import { OPERATOR_TENANT } from '@recant/events';
import { createLocalPeople, hashPassword, newPassword, type People } from '@recant/service';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';
import { type Folder, folderAt } from './folder.ts';
import { orderPassword, oweInFolder, type PasswordAct } from './password-acts.ts';

/** What is kept of the local person's password: only its hash, readable by this user only. */
const FILE = 'operator.password';

export interface NewPassword {
  readonly password: string;
  /** Why the log did not take it yet; undefined where it is an entry. */
  readonly owed: string | undefined;
}

/** Before any log is open: what is made here is recorded by `recordOwed`. @returns the password where it was made now, to be shown once */
export async function ensurePassword(folder: Folder, nowMs: number): Promise<string | undefined> {
  if ((await folder.read(FILE)) !== undefined) return undefined;
  return (await keepNew(folder, await oweInFolder(folder, nowMs, 'the ledger does not run yet'))).password;
}

/** A new password in place of the old one, for a service that runs too. @throws CliError where there is none to replace */
export async function resetPassword(dir: string, world: World): Promise<NewPassword> {
  const folder = folderAt(dir);
  if ((await folder.read(FILE)) !== undefined) return keepNew(folder, await orderPassword(folder, world));
  throw new CliError(EXIT.usage, `No \`recant up\` has been started in ${folder.path}`, 'Name its folder with --dir or RECANT_DIR.');
}

export function localPeople(folder: Folder): People {
  return createLocalPeople({ tenant: OPERATOR_TENANT, readHash: () => folder.read(FILE), clock: Date.now });
}

async function keepNew(folder: Folder, ordered: PasswordAct): Promise<NewPassword> {
  await using act = ordered;
  const password = newPassword();
  await folder.keep(FILE, `${await hashPassword(password)}\n`);
  await act.done();
  return { password, owed: act.owed };
}
