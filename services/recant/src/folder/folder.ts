import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MASTER_KEY_BYTES, type MasterKeys, parseMasterKeys } from '@recant/service';
import { CliError, EXIT } from '../terminal/exit.ts';

/** Others may traverse it, not list it: a server started by root runs as another user. Each file has its own mode. */
const FOLDER_MODE = 0o711;
const SECRET_MODE = 0o600;
const MASTER_KEY_FILE = 'master.key';

/** Address of the database while `recant up` runs, for commands that read the database. */
export const DATABASE_FILE = 'database.url';

/** The data folder of `recant up`. */
export interface Folder {
  readonly path: string;
  at(name: string): string;
  /** Text of a file; undefined if it does not exist. */
  read(name: string): Promise<string | undefined>;
  /** Atomic and durable: a crash leaves the old file. Readable by this user only. */
  write(name: string, text: string): Promise<void>;
}

/** Creates the folder if it does not exist. */
export async function openFolder(dir: string): Promise<Folder> {
  await createFolder(resolve(dir));
  return folderAt(dir);
}

/** A folder that does not exist reads as empty. */
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
    write: (name, text) => writeDurably(at(name), text),
  };
}

async function createFolder(path: string): Promise<void> {
  await createWithParents(path).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(
      EXIT.failed,
      `Cannot create folder ${path}: ${error.message}`,
      'Choose another one with --dir, or make its parent writable.',
      { cause: error },
    );
  });
}

/** Not `mkdir` with `recursive`: it never returns where a file system refuses a folder with ENOENT, as /proc does. */
async function createWithParents(path: string): Promise<void> {
  if (await isFolder(path)) return;
  await createWithParents(dirname(path));
  await mkdir(path, { mode: FOLDER_MODE }).catch(async (error: unknown) => {
    // Another start may have created it meanwhile.
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

/** The master keys, which seal secrets in the store; created by the first start. Without them, registered systems, Kafka secrets and sealed parts are lost. */
export async function folderMasterKeys(folder: Folder): Promise<MasterKeys> {
  const text = (await folder.read(MASTER_KEY_FILE)) ?? (await createMasterKey(folder));
  const keys = parseMasterKeys(Buffer.from(text));
  if (keys) return keys;
  throw new CliError(
    EXIT.failed,
    `Invalid master key ${folder.at(MASTER_KEY_FILE)}: expected ${MASTER_KEY_BYTES} bytes in base64`,
    'Restore the original file; a new key cannot decrypt existing secrets.',
  );
}

async function createMasterKey(folder: Folder): Promise<string> {
  const text = `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`;
  await folder.write(MASTER_KEY_FILE, text);
  return text;
}
