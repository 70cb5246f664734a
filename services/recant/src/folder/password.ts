import { OPERATOR_TENANT } from '@recant/events';
import { createLocalPeople, hashPassword, newPassword, type People } from '@recant/service';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';
import { type Folder, folderAt } from './folder.ts';
import { orderPassword, oweInFolder, type PasswordAct } from './password-acts.ts';

/** Hash of the local person's password, readable by this user only. */
const FILE = 'operator.password';

export interface NewPassword {
  readonly password: string;
  /** Why the act is not in the log yet; undefined if it is. */
  readonly owed: string | undefined;
}

/** Creates the password at the first start, before the log is open; `recordOwed` records it. @returns a password created now, to be printed once */
export async function ensurePassword(folder: Folder, nowMs: number): Promise<string | undefined> {
  if ((await folder.read(FILE)) !== undefined) return undefined;
  return (await replace(folder, await oweInFolder(folder, nowMs, 'the ledger is not running yet'))).password;
}

/** Replaces the password; a running service accepts the new one at once. @throws CliError `usage` if the folder has none */
export async function resetPassword(dir: string, world: World, reason?: string): Promise<NewPassword> {
  const folder = folderAt(dir);
  if ((await folder.read(FILE)) !== undefined) return replace(folder, await orderPassword(folder, world, reason));
  throw new CliError(EXIT.usage, `${folder.path} is not a data folder of \`recant up\``, 'Name the folder with --dir or RECANT_DIR.');
}

export function localPeople(folder: Folder): People {
  return createLocalPeople({ tenant: OPERATOR_TENANT, readHash: () => folder.read(FILE), clock: Date.now });
}

async function replace(folder: Folder, ordered: PasswordAct): Promise<NewPassword> {
  await using act = ordered;
  const password = newPassword();
  await folder.write(FILE, `${await hashPassword(password)}\n`);
  await act.done();
  return { password, owed: act.owed };
}
