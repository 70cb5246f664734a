import { closeSync, lstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConnectorError } from '@recant/connector';
import { percentEncode } from '@recant/events';
import { codeOf } from '../failure.ts';
import { FOLDER_FLAGS, hasProc, openFolder } from '../folder.ts';
import { UNNAMED_DEPTH_MAX } from '../limits.ts';
import { childOf, nameOf, type Path, parentOf, ROOT } from '../path.ts';
import { decodeName, withParent } from '../read-state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import { hasPath, textOfName, type UnnamedItem } from './unnamed.ts';

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

export interface Visitor {
  visit(found: Found): void;
  /** What no path names, or cannot be looked at. */
  visitUnnamed?(item: UnnamedItem): void;
}

interface Scan extends Required<Visitor> {
  readonly locked: LockedStore;
  readonly counted: { entries: number };
}

/**
 * Calls `visit` for everything at and beneath a path, parents first, by lstat(2) alone. What is ignored is left out.
 * @throws ConnectorError `too_large`
 */
export async function scan(locked: LockedStore, path: Path, visitor: Visitor, counted = { entries: 0 }): Promise<void> {
  const scanning: Scan = { visit: visitor.visit, visitUnnamed: visitor.visitUnnamed ?? (() => undefined), locked, counted };
  const { root } = locked.readOptions;
  const stat = await withParent(locked.readOptions, path, async (opened) => {
    if (opened.kind === 'unreadable')
      throw new ConnectorError('capture_refused', `Capture failed: ${opened.at || 'the root'}: ${opened.reason}.`);
    if (opened.kind === 'link')
      throw new ConnectorError('capture_refused', `Capture failed: ${opened.at} is a symbolic link and is not followed.`);
    return opened.kind === 'folder' ? statAt(opened.folder.at(path === ROOT ? '.' : nameOf(path))) : undefined;
  });
  if (stat === undefined || stat === 'closed' || locked.isIgnored(path)) return;
  if (kindOf(stat) !== undefined) return scanning.visitUnnamed(special(path, stat));
  scanning.visit({ path, stat });
  if (!stat.isDirectory()) return;
  const opened = await openFolder(root, path);
  if (opened.kind !== 'folder') return opened.kind === 'unreadable' ? scanning.visitUnnamed(closed(path, stat)) : undefined;
  try {
    await scanFolder(scanning, path, opened.folder.at('.').replace(/\/\.$/, ''), stat);
  } finally {
    await opened.folder.close();
  }
}

async function scanFolder(scanning: Scan, path: Path, at: string, folder: Stats): Promise<void> {
  const { locked } = scanning;
  for (const bytes of namesAt(`${at}/.`)) {
    const name = decodeName(bytes);
    const child = childOf(path, name ?? bytes.toString());
    if (locked.isIgnored(child)) continue;
    await count(scanning);
    if (name === undefined || !hasPath(locked.system, child)) {
      await scanUnnamed(scanning, path, textOfName(bytes), Buffer.concat([Buffer.from(`${at}/`), bytes]), 0);
      continue;
    }
    const stat = statAt(`${at}/${name}`);
    if (stat === 'closed') return scanning.visitUnnamed(closed(path, folder));
    if (stat === undefined) continue;
    if (kindOf(stat) !== undefined) scanning.visitUnnamed(special(child, stat));
    else scanning.visit({ path: child, stat });
    if (stat.isDirectory()) await scanChild(scanning, child, `${at}/${name}`, stat);
  }
}

async function count({ counted, locked }: Scan): Promise<void> {
  counted.entries += 1;
  if (counted.entries > locked.watchedEntriesMax)
    throw new ConnectorError(
      'too_large',
      `Declared paths too large: more than ${locked.watchedEntriesMax} entries. Declare less, ignore some, or raise watchedEntriesMax.`,
    );
  if (counted.entries % TURN_ENTRIES === 0) await nextTurn();
}

async function scanChild(scanning: Scan, path: Path, at: string, stat: Stats): Promise<void> {
  const fd = openAt(at);
  if (fd === undefined) return scanning.visitUnnamed(closed(path, stat));
  try {
    await scanFolder(scanning, path, (await hasProc()) ? `/proc/self/fd/${fd}` : at, stat);
  } finally {
    closeSync(fd);
  }
}

/** Something without a path, and what is below it. */
async function scanUnnamed(scanning: Scan, folder: Path, text: string, at: Buffer, depth: number): Promise<void> {
  const stat = statAt(at);
  if (stat === undefined) return;
  if (stat === 'closed') return scanning.visitUnnamed({ folder, text: `${text} (unreadable)`, id: '' });
  const kind = kindOf(stat);
  scanning.visitUnnamed({ folder, text: kind === undefined ? text : `${text} (${kind})`, id: statIdOf(stat) });
  if (!stat.isDirectory()) return;
  const fd = depth < UNNAMED_DEPTH_MAX ? openAt(at) : undefined;
  if (fd === undefined) return scanning.visitUnnamed({ folder, text: `${text}/ (unreadable)`, id: '' });
  try {
    const base = (await hasProc()) ? Buffer.from(`/proc/self/fd/${fd}`) : at;
    for (const bytes of namesAt(Buffer.concat([base, Buffer.from('/.')]))) {
      await count(scanning);
      await scanUnnamed(scanning, folder, `${text}/${textOfName(bytes)}`, Buffer.concat([base, Buffer.from('/'), bytes]), depth + 1);
    }
  } finally {
    closeSync(fd);
  }
}

/** Undefined: a file, a folder or a link. */
function kindOf(stat: Stats): string | undefined {
  if (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()) return undefined;
  return stat.isFIFO() ? 'pipe' : stat.isSocket() ? 'socket' : 'device';
}

const special = (path: Path, stat: Stats): UnnamedItem => ({
  folder: parentOf(path),
  text: `${percentEncode(nameOf(path))} (${kindOf(stat)})`,
  id: statIdOf(stat),
});
/** A user who may not read a folder may change its rights and change them back: then its time of change differs. */
const closed = (path: Path, stat: Stats): UnnamedItem => ({
  folder: path,
  text: `${percentEncode(nameOf(path))} (unreadable)`,
  id: statIdOf(stat),
  isClosed: true,
});

function openAt(at: string | Buffer): number | undefined {
  try {
    return openSync(at, FOLDER_FLAGS);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

function namesAt(at: string | Buffer): Buffer[] {
  try {
    return readdirSync(at, { encoding: 'buffer' });
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return [];
  }
}

/** Undefined: nothing is there. */
function statAt(at: string | Buffer): Stats | 'closed' | undefined {
  try {
    return lstatSync(at);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return codeOf(error) === 'EACCES' ? 'closed' : undefined;
  }
}
