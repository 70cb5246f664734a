import { constants } from 'node:fs';
import { chmod, link, lstat, mkdir, open, rmdir, symlink, unlink, utimes } from 'node:fs/promises';
import { codeOf, systemError } from './failure.ts';
import type { Folder, Opened } from './folder.ts';
import { nameOf, ownName, type Path } from './path.ts';
import { type Place, withParent } from './read-state.ts';
import type { Present } from './state.ts';
import type { Images } from './store/images.ts';

/** Mode; for an existing item also owner and group. */
interface FileAttributes {
  readonly m: number;
  readonly g?: readonly [number, number];
}

/** Runs `work` in the open parent folder of a path; errors are those of node:fs. */
export async function inParent<T>(place: Place, path: Path, work: (folder: Folder, name: string) => Promise<T>): Promise<T> {
  return withParent(place, path, async (opened) => {
    if (opened.kind !== 'folder') throw refusalOf(opened);
    return work(opened.folder, nameOf(path));
  });
}

/** Code of the error where another folder, or none, is at the path of one that was opened before (errno(3): stale file handle). */
export const MOVED = 'ESTALE';

export function refusalOf(opened: Exclude<Opened, { kind: 'folder' }>): Error {
  if (opened.kind === 'missing') return systemError('ENOENT', 'no such file or directory', opened.at);
  if (opened.kind === 'unreadable') return Object.assign(new Error(`${opened.reason}: '${opened.at}'`), { code: opened.reason });
  if (opened.kind === 'moved')
    return Object.assign(new Error(`The folder was moved or replaced meanwhile: '${opened.at}'`), { code: MOVED });
  return systemError('ENOTDIR', opened.kind === 'link' ? 'a symbolic link is not followed' : 'not a directory', opened.at);
}

/** Writes a whole file beside its name, as `ownName(ordinal)`, and syncs it. */
export async function prepareContent(folder: Folder, ordinal: number, content: Uint8Array, to: FileAttributes): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const file = await open(folder.at(ownName(ordinal)), flags, 0o600);
  try {
    await file.writeFile(content);
    if (to.g !== undefined) await file.chown(...to.g).catch(ignoreNotPermitted);
    await file.chmod(to.m);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives a prepared file its name, which must be free. @throws an error with the code EEXIST */
export async function linkPrepared(folder: Folder, name: string, ordinal: number): Promise<void> {
  await link(folder.at(ownName(ordinal)), folder.at(name));
  await sweep(folder, ordinal);
}

/**
 * Copies an image to `ownName(ordinal)` with its attributes, and reads it back. False: there is no such image.
 * @param syncs false: the caller makes the whole file system durable
 */
export async function prepareFile(
  folder: Folder,
  ordinal: number,
  to: Extract<Present, { t: 'file' }>,
  images: Images,
  syncs: boolean,
): Promise<boolean> {
  const prepared = folder.at(ownName(ordinal));
  const copy = () => images.copyTo(to.c ?? '', prepared);
  const file = await copy().catch(async (error) => {
    if (codeOf(error) !== 'EEXIST') throw error;
    // A kill left it.
    await sweep(folder, ordinal);
    return copy();
  });
  if (file === undefined) {
    await sweep(folder, ordinal);
    return false;
  }
  try {
    await file.chown(...to.g).catch(ignoreNotPermitted);
    await file.chmod(to.m);
    await file.utimes(secondsOf(to.u), secondsOf(to.u));
    if (syncs) await file.sync();
  } finally {
    await file.close();
  }
  return true;
}

/** Removes the temporary file that a kill left. */
export async function sweep(folder: Folder, ordinal: number): Promise<void> {
  await unlink(folder.at(ownName(ordinal))).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

/** Removes a file, a link or an empty folder; never the content of a folder. */
export async function removeOne(folder: Folder, name: string, type: Present['t']): Promise<void> {
  await (type === 'dir' ? rmdir(folder.at(name)) : unlink(folder.at(name)));
  await folder.sync();
}

export async function makeFolder(folder: Folder, name: string, mode: number): Promise<void> {
  await mkdir(folder.at(name));
  await setMode(folder, name, mode);
  await folder.sync();
}

export async function makeLink(folder: Folder, name: string, target: string): Promise<void> {
  await symlink(target, folder.at(name));
  await folder.sync();
}

/** Of a file or a folder, never through a link. */
export async function setMode(folder: Folder, name: string, mode: number): Promise<void> {
  const file = await openToSet(folder, name);
  // Owners may set the mode of unreadable files; lstat(2) in `openToSet` has excluded links.
  if (file === undefined) return chmod(folder.at(name), mode);
  try {
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @param to microseconds since 1970. */
export async function setTimes(folder: Folder, name: string, to: number): Promise<void> {
  const file = await openToSet(folder, name);
  if (file === undefined) return utimes(folder.at(name), secondsOf(to), secondsOf(to));
  try {
    await file.utimes(secondsOf(to), secondsOf(to));
  } finally {
    await file.close();
  }
}

async function openToSet(folder: Folder, name: string) {
  if ((await lstat(folder.at(name))).isSymbolicLink()) throw systemError('EINVAL', 'a symbolic link has no mode', name);
  try {
    return await open(folder.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

function ignoreNotPermitted(error: unknown): void {
  if (codeOf(error) !== 'EPERM') throw error;
}

/** Half a microsecond more, because Node cuts the fraction of a double: the kernel's time is the same to a microsecond. */
const secondsOf = (microseconds: number) => (microseconds + 0.5) / 1e6;
