import type { BigIntStats } from 'node:fs';
import { link, lstat, rename, unlink } from 'node:fs/promises';
import { codeOf } from './failure.ts';
import type { Folder } from './folder.ts';
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

/**
 * Replaces or removes a file or link without a window in which a save by somebody else is lost: the current one is renamed aside, compared there, and
 * only then the successor is linked into its place, which fails where somebody created the name meanwhile. A writer that has the old file open is found
 * by its times afterwards. On any mismatch the newest foreign file ends up at the name.
 * A kill leaves the file at its name, aside, or replaced; `returnAside` puts it back.
 * @param successor linked into the place: `ownName(ordinal)`, prepared; false: the name stays free
 * @throws ForeignWrite
 */
export async function replaceAside(locked: LockedStore, replaced: Replaced, successor: boolean): Promise<void> {
  const { folder, name, ordinal, from, path } = replaced;
  const [at, aside, prepared] = [folder.at(name), folder.at(asideName(ordinal)), folder.at(ownName(ordinal))];
  await rename(at, aside).catch((error) => {
    throw codeOf(error) === 'ENOENT' ? new ForeignWrite(path) : error;
  });
  await locked.failpoint('aside.moved');
  const before = await foundAside(locked.readOptions, replaced);
  if (before === undefined) {
    await putBack(locked, replaced);
    throw new ForeignWrite(path);
  }
  await locked.failpoint('aside.compared');
  const placed = successor ? await lstat(prepared) : undefined;
  if (successor) {
    try {
      await link(prepared, at);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        await putBack(locked, replaced);
        throw error;
      }
      await drop(locked, aside, from, before);
      throw new ForeignWrite(path);
    }
    await locked.failpoint('put.placed');
    await unlink(prepared);
  }
  const after = await lstat(aside, { bigint: true });
  if (after.mtimeNs !== before.mtimeNs || after.size !== before.size || after.mode !== before.mode) {
    if (successor) await takeBackSuccessor(at, prepared, placed?.ino);
    await putBack(locked, replaced);
    throw new ForeignWrite(path);
  }
  await drop(locked, aside, from, after);
}

/** What was set aside, if it is as the guards found it. */
async function foundAside(readOptions: ReadOptions, { folder, ordinal, from, path }: Replaced): Promise<BigIntStats | undefined> {
  const content = from.t !== 'file' || from.c !== undefined;
  const seen = await readStateIn({ ...readOptions, content }, folder, asideName(ordinal), path);
  return seen.kind === 'state' && sameState(seen.state, content ? from : withoutContent(from)) ? seen.stat : undefined;
}

const withoutContent = (state: State): State => (state?.t === 'file' ? { t: 'file', m: state.m, u: state.u, g: state.g } : state);

/** The name is free again, unless somebody saved there since: then theirs stays. */
async function takeBackSuccessor(at: string, prepared: string, inode: number | undefined): Promise<void> {
  await rename(at, prepared);
  if ((await lstat(prepared)).ino !== inode) await linkUnlessThere(prepared, at);
  await unlink(prepared);
}

async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Back to its name, unless somebody created that name: then theirs stays, as after a save of their own, and this one is kept as an image. */
async function putBack(locked: LockedStore, { folder, name, ordinal }: Pick<Replaced, 'folder' | 'name' | 'ordinal'>): Promise<void> {
  const aside = folder.at(asideName(ordinal));
  const stat = await lstat(aside);
  if (stat.isDirectory()) return rename(aside, folder.at(name));
  if (await linkUnlessThere(aside, folder.at(name))) return unlink(aside);
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
