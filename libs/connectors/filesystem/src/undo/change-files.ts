import { platform } from 'node:os';
import { codeOf } from '../failure.ts';
import type { Folder } from '../folder.ts';
import { inParallel } from '../in-parallel.ts';
import { depthOf, ownName, type Path, parentOf } from '../path.ts';
import { readState, readStateIn, withFolder } from '../read-state.ts';
import { ForeignWrite, preparedFor, replaceAside } from '../replace-aside.ts';
import { type Present, type State, samePart, sameState } from '../state.ts';
import { syncFileSystem, syncOne } from '../store/durable.ts';
import type { LockedStore } from '../store/locked-store.ts';
import { inParent, linkPrepared, makeFolder, makeLink, prepareFile, removeOne, setMode, setTimes, sweep } from '../write-files.ts';

export interface Change {
  readonly path: Path;
  readonly from: State;
  readonly to: State;
  /** Of the file being written. */
  readonly ordinal: number;
}

/** From this many files on, their file system is synced as a whole. */
const SYNC_EACH_MAX = 16;
export class ImageMissing extends Error {
  override readonly name = 'ImageMissing';
  readonly path: Path;
  constructor(path: Path) {
    super('The image of the content is missing or damaged.');
    this.path = path;
  }
}

/** Work of one call of `writeAll`. */
interface Work {
  readonly locked: LockedStore;
  /** false: some changes may be made already. */
  readonly isFresh: boolean;
  /** The file system is synced as a whole, not file by file. */
  readonly isBulk: boolean;
  readonly prepared: Map<number, Path>;
}

/**
 * Makes changes, from any state that a killed call left. Not in the order of ordinals but in one that a folder tree allows, with the same result: contents
 * are prepared beside their files; removals, deepest folders last; creations, parents first; contents; modes and times of folders last, because a folder
 * may become read-only. Files of one kind are written in parallel: no two changes have one path. A content is durable before it has its name, and
 * everything when it resolves.
 * @param isFresh true: nothing was changed since the guards
 * @throws ForeignWrite, or an error with a code
 */
export async function writeAll(locked: LockedStore, changes: readonly Change[], isFresh: boolean): Promise<void> {
  const isBulk = changes.length > SYNC_EACH_MAX && platform() === 'linux';
  const work: Work = { locked, isFresh, isBulk, prepared: new Map() };
  await changeAll(work, changes);
  await locked.images.flush();
  if (!isBulk || !(await syncFileSystem(locked.readOptions.root)))
    await syncFolders(locked, new Set(changes.map(({ path }) => parentOf(path))));
}

async function changeAll(work: Work, changes: readonly Change[]): Promise<void> {
  const each = <T>(items: readonly T[], make: (item: T) => Promise<void>) => inParallel(items, make, work.locked.filesAtOnce);
  const down = [...changes].sort((one, other) => depthOf(one.path) - depthOf(other.path));
  const up = [...down].reverse();
  const kept = changes.filter((change) => !isCreated(change) && change.to?.t === 'file');
  for (const change of down) if (isFolder(change.from) && isFolder(change.to)) await makeWritable(work, change, change.to);
  await each(kept.filter(hasContent), (change) => prepare(work, change));
  await each(
    changes.filter((change) => isRemoved(change) && !isFolder(change.from)),
    (change) => removeOld(work, change),
  );
  for (const change of up) if (isRemoved(change) && isFolder(change.from)) await removeOld(work, change);
  for (const change of down) if (isCreated(change) && isFolder(change.to)) await create(work, change);
  const created = changes.filter(isCreated).filter(({ to }) => !isFolder(to));
  await each(created.filter(hasContent), (change) => prepareCreated(work, change));
  await syncPrepared(work);
  await each(created, (change) => create(work, change));
  await each(kept, (change) => rewrite(work, change));
  for (const change of up) if (isFolder(change.to)) await setFolderAttributes(work, change, change.to);
}

type File = Extract<Present, { t: 'file' }>;
type Dir = Extract<Present, { t: 'dir' }>;
const isFolder = (state: State): state is Dir => state?.t === 'dir';
const isRemoved = ({ from, to }: Change) => from !== null && !samePart(from, to, 'e');
const isCreated = (change: Change): change is Change & { to: Present } => change.to !== null && !samePart(change.from, change.to, 'e');
const hasContent = (change: Change): change is Change & { to: File } => change.to?.t === 'file' && !samePart(change.from, change.to, 'c');
export const opened = (mode: number): number => mode | 0o700;
const isThere = (folder: Folder, name: string, path: Path, locked: LockedStore, state: Present) =>
  readStateIn({ ...locked.readOptions, content: state.t === 'file' && state.c !== undefined }, folder, name, path).then(
    (seen) => seen.kind === 'state' && sameState(seen.state, state),
  );

async function makeWritable({ locked }: Work, { path, from }: Change, to: Dir): Promise<void> {
  if (samePart(from, to, 'm')) return;
  await inParent(locked.readOptions, path, (folder, name) => setMode(folder, name, opened(to.m)));
}

async function prepare({ locked, isBulk, prepared }: Work, { path, ordinal, to }: Change & { to: File }): Promise<void> {
  await inParent(locked.readOptions, path, async (folder) => {
    if (!(await prepareFile(folder, ordinal, to, locked.images, !isBulk))) throw new ImageMissing(path);
  });
  prepared.set(ordinal, path);
  await locked.failpoint('put.prepared');
}

async function prepareCreated(work: Work, change: Change & { to: File }): Promise<void> {
  if (!(await isMade(work, change))) await prepare(work, change);
}

/** Of a change that was possibly made before a kill. */
async function isMade({ locked, isFresh }: Work, { path, to }: Change & { to: Present }): Promise<boolean> {
  if (isFresh) return false;
  return inParent(locked.readOptions, path, (folder, name) =>
    isThere(folder, name, path, locked, isFolder(to) ? { ...to, m: opened(to.m) } : to),
  );
}

/** In bulk: otherwise each is synced as it is prepared. */
async function syncPrepared({ locked, isBulk, prepared }: Work): Promise<void> {
  if (!isBulk || prepared.size === 0 || (await syncFileSystem(locked.readOptions.root))) return;
  await inParallel([...prepared], ([ordinal, path]) =>
    inParent(locked.readOptions, path, (folder) => syncOne(folder.at(ownName(ordinal)))),
  );
}

async function removeOld({ locked }: Work, { path, from, ordinal }: Change): Promise<void> {
  const live = await readState({ ...locked.readOptions, content: false }, path);
  if (live.kind !== 'state' || live.state === null || from === null || !samePart(live.state, from, 'e')) return;
  await locked.failpoint('apply.remove');
  if (isFolder(from)) await locked.readOptions.folders?.forget(path);
  await inParent(locked.readOptions, path, async (folder, name) => {
    if (isFolder(from)) await removeOne(folder, name, 'dir');
    else await replaceAside(locked, { path, folder, name, ordinal, from }, undefined);
  });
}

async function create(work: Work, change: Change & { to: Present }): Promise<void> {
  const { locked } = work;
  const { path, ordinal, to } = change;
  if (await isMade(work, change)) return inParent(locked.readOptions, path, (folder) => sweep(folder, ordinal));
  await locked.failpoint('apply.create');
  if (isFolder(to)) await locked.readOptions.folders?.forget(path);
  await inParent(locked.readOptions, path, async (folder, name) => {
    try {
      if (isFolder(to)) await makeFolder(folder, name, opened(to.m));
      else if (to.t === 'link') await makeLink(folder, name, to.l);
      else await linkPrepared(folder, name, ordinal);
    } catch (error) {
      throw codeOf(error) === 'EEXIST' ? new ForeignWrite(path) : error;
    }
  });
  if (to.t === 'file') await locked.failpoint('put.placed');
}

async function rewrite({ locked, isFresh }: Work, change: Change): Promise<void> {
  const { path, from, to, ordinal } = change;
  if (from?.t !== 'file' || to?.t !== 'file') return;
  await inParent(locked.readOptions, path, async (folder, name) => {
    if (hasContent(change)) {
      if (!isFresh && (await isThere(folder, name, path, locked, to))) return sweep(folder, ordinal);
      await locked.failpoint('apply.write');
      await replaceAside(locked, { path, folder, name, ordinal, from }, preparedFor({ folder, ordinal }));
      return;
    }
    if (samePart(from, to, 'm') || (await isThere(folder, name, path, locked, withoutContent(to)))) return;
    if (!(await isThere(folder, name, path, locked, withoutContent(from)))) throw new ForeignWrite(path);
    await locked.failpoint('apply.write');
    await setMode(folder, name, to.m);
  });
}
const withoutContent = ({ t, m, u, g }: File): Present => ({ t, m, u, g });

async function setFolderAttributes({ locked }: Work, { path }: Change, to: Dir): Promise<void> {
  await inParent(locked.readOptions, path, async (folder, name) => {
    await setTimes(folder, name, to.u);
    await setMode(folder, name, to.m);
  });
}

async function syncFolders(locked: LockedStore, paths: ReadonlySet<Path>): Promise<void> {
  for (const path of paths)
    await withFolder(locked.readOptions, path, async (found) => {
      if (found.kind === 'folder') await found.folder.sync();
    });
}
