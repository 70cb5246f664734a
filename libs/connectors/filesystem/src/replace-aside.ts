import type { BigIntStats } from 'node:fs';
import { link, lstat, rename, unlink } from 'node:fs/promises';
import { codeOf } from './failure.ts';
import type { Folder } from './folder.ts';
import { JOURNALLED_BYTES_MAX, RACY_MS } from './limits.ts';
import { asideName, ownName, type Path } from './path.ts';
import { type ReadOptions, readStateIn } from './read-state.ts';
import { type Present, type State, sameState } from './state.ts';
import { digestOfFile } from './store/images.ts';
import type { LockedStore } from './store/locked-store.ts';

/** A file or link that is replaced or removed. */
export interface Replaced {
  readonly path: Path;
  readonly folder: Folder;
  readonly name: string;
  readonly ordinal: number;
  /** State that was found before. */
  readonly from: Present;
  /** Taken before the content was hashed: a large file that still has it is not hashed again while its name is free. */
  readonly stat?: BigIntStats | undefined;
}

/** Somebody else wrote meanwhile; what they wrote is in place. */
export class ForeignWrite extends Error {
  override readonly name = 'ForeignWrite';
  readonly path: Path;
  constructor(path: Path) {
    super(`'${path}' was changed by another process meanwhile.`);
    this.path = path;
  }
}

/** What takes the place of a replaced file. */
export interface Successor {
  readonly at: string;
  /** It goes back to `at` where it cannot stay; otherwise it is removed then. */
  readonly isMoved: boolean;
}

/** The successor that was prepared beside a file. */
export const preparedFor = ({ folder, ordinal }: Pick<Replaced, 'folder' | 'ordinal'>): Successor => ({
  at: folder.at(ownName(ordinal)),
  isMoved: false,
});

/**
 * Replaces or removes a file or link without a window in which a save by somebody else is lost: the current one is renamed aside, compared there, and
 * only then the successor is linked into its place, which fails where somebody created the name meanwhile. A writer that has the old file open is found
 * by its times afterwards. On any mismatch the newest foreign file ends up at the name.
 * A kill leaves the file at its name, aside, or replaced; `returnAside` puts it back.
 * @param successor undefined: the name stays free
 * @throws ForeignWrite
 */
export async function replaceAside(locked: LockedStore, replaced: Replaced, successor: Successor | undefined): Promise<void> {
  const { folder, name, ordinal, from, path } = replaced;
  const [at, aside] = [folder.at(name), folder.at(asideName(ordinal))];
  await renameAside(replaced);
  await locked.failpoint('aside.moved');
  const before = await foundAside(locked.readOptions, replaced);
  if (before === undefined) {
    await putBack(locked, replaced);
    throw new ForeignWrite(path);
  }
  await locked.failpoint('aside.compared');
  const placed = successor && (await lstat(successor.at));
  if (successor !== undefined) {
    const isPlaced = await giveName(successor.at, at).catch(async (error) => {
      await putBack(locked, replaced);
      throw error;
    });
    if (!isPlaced) {
      await drop(locked, aside, from, before);
      throw new ForeignWrite(path);
    }
    await locked.failpoint('put.placed');
  }
  const after = await lstat(aside, { bigint: true });
  if (after.mtimeNs !== before.mtimeNs || after.size !== before.size || after.mode !== before.mode) {
    if (successor !== undefined) await takeBackSuccessor(at, successor, placed?.ino);
    await putBack(locked, replaced);
    throw new ForeignWrite(path);
  }
  await drop(locked, aside, from, after);
}

async function renameAside({ folder, name, ordinal, path }: Replaced): Promise<void> {
  await rename(folder.at(name), folder.at(asideName(ordinal))).catch((error) => {
    throw codeOf(error) === 'ENOENT' ? new ForeignWrite(path) : error;
  });
}

/** What was set aside, if it is as it was found before. */
async function foundAside(readOptions: ReadOptions, { folder, ordinal, from, path, stat }: Replaced): Promise<BigIntStats | undefined> {
  if (stat?.isFile() && stat.size > JOURNALLED_BYTES_MAX) {
    const now = await lstat(folder.at(asideName(ordinal)), { bigint: true });
    if (isSettled(stat) && isUntouched(stat, now)) return now;
  }
  const content = from.t !== 'file' || from.c !== undefined;
  const seen = await readStateIn({ ...readOptions, content }, folder, asideName(ordinal), path);
  return seen.kind === 'state' && sameState(seen.state, content ? from : withoutContent(from)) ? seen.stat : undefined;
}

const isUntouched = (one: BigIntStats, other: BigIntStats): boolean =>
  one.ino === other.ino && one.dev === other.dev && one.size === other.size && one.mtimeNs === other.mtimeNs && one.mode === other.mode;
/** Its times are old enough for a further change to show. */
const isSettled = ({ mtimeMs, ctimeMs }: BigIntStats): boolean => Math.max(Number(mtimeMs), Number(ctimeMs)) < Date.now() - RACY_MS;

/**
 * Moves a file or link to a name that is free or has the file to replace, without a window in which a save by somebody else is lost. Its content moves
 * along, whatever it is.
 * @throws ForeignWrite where another file is at its name now, or at the new one
 */
export async function moveAside(
  locked: LockedStore,
  moved: Replaced,
  target: Pick<Replaced, 'path' | 'folder' | 'name'>,
  replaced: Replaced | undefined,
): Promise<void> {
  const { folder, ordinal, from, path } = moved;
  const aside = folder.at(asideName(ordinal));
  await renameAside(moved);
  await locked.failpoint('aside.moved');
  try {
    const seen = await readStateIn({ ...locked.readOptions, content: false }, folder, asideName(ordinal), path);
    const isSame = seen.kind === 'state' && sameState(seen.state, withoutContent(from)) && timeOf(seen.state) === timeOf(from);
    if (!isSame) throw new ForeignWrite(path);
    if (replaced !== undefined) await replaceAside(locked, replaced, { at: aside, isMoved: true });
    else if (!(await giveName(aside, target.folder.at(target.name)))) throw new ForeignWrite(target.path);
  } catch (error) {
    await returnAside(locked, folder, moved.name, ordinal);
    throw error;
  }
}

const timeOf = (state: State): number | undefined => (state === null || state.t === 'link' ? undefined : state.u);
const withoutContent = (state: State): State => (state?.t === 'file' ? { t: 'file', m: state.m, u: state.u, g: state.g } : state);

/** The name is free again, unless somebody saved there since: then theirs stays. */
async function takeBackSuccessor(at: string, successor: Successor, inode: number | undefined): Promise<void> {
  await rename(at, successor.at);
  if ((await lstat(successor.at)).ino !== inode) {
    if (!(await giveName(successor.at, at))) await unlink(successor.at);
  } else if (!successor.isMoved) await unlink(successor.at);
}

/**
 * Renames a file or link to a name that must be free; false where it is not. link(2) never overwrites. Where the system refuses it, as for files of other
 * owners or on file systems without hard links, the name is looked at first.
 */
async function giveName(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!NO_LINKS.includes(codeOf(error) ?? '') || (await isThere(to))) throw error;
    await rename(from, to);
    return true;
  }
  await unlink(from);
  return true;
}
const NO_LINKS: readonly string[] = ['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Back to its name, unless somebody created that name: then theirs stays, as after a save of their own, and this one is kept as an image. */
async function putBack(locked: LockedStore, { folder, name, ordinal }: Pick<Replaced, 'folder' | 'name' | 'ordinal'>): Promise<void> {
  const aside = folder.at(asideName(ordinal));
  const stat = await lstat(aside);
  if (stat.isDirectory()) return rename(aside, folder.at(name));
  if (await giveName(aside, folder.at(name))) return;
  if (stat.isFile()) return locked.images.adopt(aside, await digestOfFile(aside), stat.nlink > 1 ? 'copies' : 'moves');
  await unlink(aside);
}

/** A content without an image becomes its image, so that the inverse can be undone too. Under several names it is copied. */
async function drop(locked: LockedStore, aside: string, from: Present, { nlink }: BigIntStats): Promise<void> {
  if (from.t === 'file' && from.c !== undefined) return locked.images.adopt(aside, from.c, nlink > 1n ? 'copies' : 'moves');
  await unlink(aside);
}

/** Puts back what a kill left aside, so that the path is as before the inverse, or as its successor or somebody else left it. */
export async function returnAside(locked: LockedStore, folder: Folder, name: string, ordinal: number): Promise<void> {
  try {
    await putBack(locked, { folder, name, ordinal });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
