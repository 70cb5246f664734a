import { closeSync, lstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConnectorError } from '@recant/connector';
import { codeOf } from '../failure.ts';
import { FOLDER_FLAGS, hasProc, openFolder } from '../folder.ts';
import { childOf, isOwnName, nameOf, type Path, ROOT } from '../path.ts';
import { decodeName, withParent } from '../read-state.ts';
import type { LockedStore } from '../store/locked-store.ts';

/** Entries between two turns of the event loop: about 5 ms. */
const TURN_ENTRIES = 500;

export interface Found {
  readonly path: Path;
  readonly stat: Stats;
}

/** Device, inode, size and times: while a file has the same, its content is the same. */
export function statIdOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}.${ino}.${size}.${mtimeMs}.${ctimeMs}`;
}
export const inodeOf = ({ dev, ino }: Stats): string => `${dev}.${ino}`;

/**
 * Calls `visit` for everything at and beneath a path, parents first, by lstat(2) alone. What is ignored, and what no path can name, is left out.
 * @throws ConnectorError `too_large`
 */
export async function scan(locked: LockedStore, path: Path, visit: (found: Found) => void, counted = { entries: 0 }): Promise<void> {
  const { root } = locked.readOptions;
  const stat = await withParent(locked.readOptions, path, async (opened) => {
    if (opened.kind === 'unreadable')
      throw new ConnectorError('capture_refused', `Capture failed: ${opened.at || 'the root'}: ${opened.reason}.`);
    if (opened.kind === 'link')
      throw new ConnectorError('capture_refused', `Capture failed: ${opened.at} is a symbolic link and is not followed.`);
    return opened.kind === 'folder' ? statAt(opened.folder.at(path === ROOT ? '.' : nameOf(path))) : undefined;
  });
  if (stat === undefined || locked.isIgnored(path)) return;
  visit({ path, stat });
  if (!stat.isDirectory()) return;
  const opened = await openFolder(root, path);
  if (opened.kind !== 'folder') return;
  try {
    await scanFolder(locked, path, opened.folder.at('.').replace(/\/\.$/, ''), visit, counted);
  } finally {
    await opened.folder.close();
  }
}

async function scanFolder(
  locked: LockedStore,
  path: Path,
  at: string,
  visit: (found: Found) => void,
  counted: { entries: number },
): Promise<void> {
  for (const bytes of namesAt(at)) {
    const name = decodeName(bytes);
    if (name === undefined || isOwnName(name)) continue;
    const child = childOf(path, name);
    if (locked.isIgnored(child)) continue;
    const stat = statAt(`${at}/${name}`);
    if (stat === undefined || !(stat.isFile() || stat.isDirectory() || stat.isSymbolicLink())) continue;
    counted.entries += 1;
    if (counted.entries > locked.watchedEntriesMax)
      throw new ConnectorError(
        'too_large',
        `Declared paths too large: more than ${locked.watchedEntriesMax} entries. Declare less, ignore some, or raise watchedEntriesMax.`,
      );
    if (counted.entries % TURN_ENTRIES === 0) await nextTurn();
    visit({ path: child, stat });
    if (stat.isDirectory()) await scanChild(locked, child, `${at}/${name}`, visit, counted);
  }
}

async function scanChild(
  locked: LockedStore,
  path: Path,
  at: string,
  visit: (found: Found) => void,
  counted: { entries: number },
): Promise<void> {
  const fd = openAt(at);
  if (fd === undefined) return;
  try {
    await scanFolder(locked, path, (await hasProc()) ? `/proc/self/fd/${fd}` : at, visit, counted);
  } finally {
    closeSync(fd);
  }
}

function openAt(at: string): number | undefined {
  try {
    return openSync(at, FOLDER_FLAGS);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

function namesAt(at: string): Buffer[] {
  try {
    return readdirSync(`${at}/.`, { encoding: 'buffer' });
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return [];
  }
}

function statAt(at: string): Stats | undefined {
  try {
    return lstatSync(at);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}
