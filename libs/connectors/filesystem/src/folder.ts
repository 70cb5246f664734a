import { constants } from 'node:fs';
import { access, lstat, open } from 'node:fs/promises';
import { codeOf } from './failure.ts';
import { childOf, type Path, ROOT } from './path.ts';

/** An open folder beneath the root: work through it stays inside, even if its path changes meanwhile. */
export interface Folder {
  /** Path of a child for a system call. */
  at(name: string): string;
  /** Device and inode. */
  id(): Promise<string>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type Opened =
  | { readonly kind: 'folder'; readonly folder: Folder }
  /** Nothing at the path, according to a readable parent folder. */
  | { readonly kind: 'missing'; readonly at: Path }
  | { readonly kind: 'file'; readonly at: Path }
  /** A link instead of a folder; never followed. */
  | { readonly kind: 'link'; readonly at: Path }
  /** Another folder, or none, is at the path of one that was opened before. */
  | { readonly kind: 'moved'; readonly at: Path }
  | { readonly kind: 'unreadable'; readonly at: Path; readonly reason: string };

export const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Opens a folder beneath the root, segment by segment, following no link.
 * On Linux each segment is opened relative to the one before (through /proc/self/fd, as openat(2) would), so that a link cannot be
 * swapped in; on other systems a process that swaps folders for links at that moment is not prevented.
 */
export async function openFolder(root: string, path: Path): Promise<Opened> {
  let current = await openOne(root, ROOT);
  let at = ROOT;
  for (const name of path === ROOT ? [] : path.split('/')) {
    if (current.kind !== 'folder') return current;
    at = childOf(at, name);
    const next: Opened = await openChild(current.folder, name, at);
    await current.folder.close();
    current = next;
  }
  return current;
}

/** @param at path of the child, for reasons */
export function openChild(parent: Folder, name: string, at: Path): Promise<Opened> {
  return openOne(parent.at(name), at);
}

/** @param path of a child, as its open parent gives it. */
async function openOne(path: string, at: Path): Promise<Opened> {
  try {
    const handle = await open(path, FOLDER_FLAGS);
    const base = (await hasProc()) ? `/proc/self/fd/${handle.fd}` : path;
    const id = async () => {
      const { dev, ino } = await handle.stat({ bigint: true });
      return `${dev}.${ino}`;
    };
    return { kind: 'folder', folder: { at: (name) => `${base}/${name}`, id, sync: () => handle.sync(), close: () => handle.close() } };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return { kind: 'missing', at };
    if (code === 'ENOTDIR' || code === 'ELOOP') return { kind: (await isLink(path)) ? 'link' : 'file', at };
    return { kind: 'unreadable', at, reason: code ?? String(error) };
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

let proc: Promise<boolean> | undefined;
export function hasProc(): Promise<boolean> {
  proc ??= access('/proc/self/fd').then(
    () => true,
    () => false,
  );
  return proc;
}
