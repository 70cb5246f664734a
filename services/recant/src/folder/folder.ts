import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MASTER_KEY_BYTES, type MasterKeys, parseMasterKeys } from '@recant/service';
import { CliError, EXIT } from '../terminal/exit.ts';

/** Others may pass through (a server started by root runs as another user), not look around; every file in it has its own mode. */
const FOLDER_MODE = 0o711;
const SECRET_MODE = 0o600;
const MASTER_KEY_FILE = 'master.key';

/** Connection of the services to the database, while `recant up` runs: for the commands that read it themselves. */
export const DATABASE_FILE = 'database.url';

/** Everything that `recant up` keeps, in one folder. */
export interface Folder {
  readonly path: string;
  at(name: string): string;
  /** The text of a file, or undefined where there is none. */
  read(name: string): Promise<string | undefined>;
  /** All or nothing: a crash here leaves the old file. Readable by this user only. */
  keep(name: string, text: string): Promise<void>;
}

/** Makes it where it is not there. */
export async function openFolder(dir: string): Promise<Folder> {
  await makeFolder(resolve(dir));
  return folderAt(dir);
}

/** Where it is not there, it reads as empty. */
export function folderAt(dir: string): Folder {
  const path = resolve(dir);
  const at = (name: string): string => join(path, name);
  return {
    path,
    at,
    read: (name) =>
      readFile(at(name), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      }),
    keep: (name, text) => writeDurably(at(name), text),
  };
}

async function makeFolder(path: string): Promise<void> {
  await makeWithParents(path).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(
      EXIT.failed,
      `The folder ${path} cannot be made: ${error.message}`,
      'Choose another one with --dir, or make it writable.',
      { cause: error },
    );
  });
}

/** Node's recursive mkdir goes on for ever where a file system has no place for a folder in one that is there (/proc answers ENOENT). */
async function makeWithParents(path: string): Promise<void> {
  if (await isFolder(path)) return;
  await makeWithParents(dirname(path));
  await mkdir(path, { mode: FOLDER_MODE }).catch(async (error: unknown) => {
    // Another start may have made it meanwhile.
    if (!(await isFolder(path))) throw error;
  });
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function writeDurably(path: string, text: string): Promise<void> {
  const next = `${path}.${randomUUID()}`;
  const file = await open(next, 'wx', SECRET_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(next, SECRET_MODE);
  await rename(next, path);
}

/** The keys that seal what the store must not show: one is made at the first start; losing it loses registered systems, Kafka secrets and sealed parts. */
export async function folderMasterKeys(folder: Folder): Promise<MasterKeys> {
  const text = (await folder.read(MASTER_KEY_FILE)) ?? (await makeMasterKey(folder));
  const keys = parseMasterKeys(Buffer.from(text));
  if (keys) return keys;
  throw new CliError(
    EXIT.failed,
    `The master key ${folder.at(MASTER_KEY_FILE)} is not ${MASTER_KEY_BYTES} bytes in base64`,
    'Put back the file it was; a new one cannot open what the old one sealed.',
  );
}

async function makeMasterKey(folder: Folder): Promise<string> {
  const text = `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`;
  await folder.keep(MASTER_KEY_FILE, text);
  return text;
}
