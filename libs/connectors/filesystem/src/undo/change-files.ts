import { link, unlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { codeOf } from '../failure.ts';
import { type Folder, openFolder } from '../folder.ts';
import { depthOf, nameOf, ownName, type Path, parentOf } from '../path.ts';
import { readState, readStateIn } from '../read-state.ts';
import { type Present, type State, samePart, sameState } from '../state.ts';
import { syncFileSystem } from '../store/durable.ts';
import type { LockedStore } from '../store/locked-store.ts';
import { makeFolder, makeLink, prepareFile, refusalOf, removeOne, setMode, setTimes, sweep } from '../write-files.ts';
import { ForeignWrite, replaceAside } from './set-aside.ts';

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
  readonly syncs: boolean;
  readonly prepared: Set<number>;
  /** Runs in the open parent folder of a path, which stays open for the next path in it. */
  inParent<T>(path: Path, work: (folder: Folder, name: string) => Promise<T>): Promise<T>;
}

/**
 * Makes changes, from any state that a killed call left. Not in the order of ordinals but in one that a folder tree allows, with the same result: contents
 * are prepared beside their files; removals, deepest first; creations, parents first; contents; modes and times of folders last, because a folder may
 * become read-only. Durable when it resolves.
 * @throws ForeignWrite, or an error with a code
 */
export async function writeAll(locked: LockedStore, changes: readonly Change[]): Promise<void> {
  const { root } = locked.readOptions;
  const isBulk = changes.length > SYNC_EACH_MAX && platform() === 'linux' && (await syncFileSystem(root));
  const used = new Set<Path>();
  let last: { readonly path: Path; readonly folder: Folder } | undefined;
  const close = async () => {
    await last?.folder.close();
    last = undefined;
  };
  const work: Work = {
    locked,
    syncs: !isBulk,
    prepared: new Set(),
    async inParent(path, run) {
      const parent = parentOf(path);
      if (last?.path !== parent) {
        await close();
        const next = await openFolder(root, parent);
        if (next.kind !== 'folder') throw refusalOf(next);
        last = { path: parent, folder: next.folder };
        used.add(parent);
      }
      return run(last.folder, nameOf(path));
    },
  };
  try {
    await changeAll(work, changes);
    await close();
    if (!isBulk) await syncFolders(locked, used);
    else if (!(await syncFileSystem(root))) throw Object.assign(new Error('EIO: syncing the file system failed'), { code: 'EIO' });
    await locked.images.flush();
  } finally {
    await close();
  }
}

async function changeAll(work: Work, changes: readonly Change[]): Promise<void> {
  const down = [...changes].sort((one, other) => depthOf(one.path) - depthOf(other.path));
  const up = [...down].reverse();
  for (const change of down) if (isFolder(change.from) && isFolder(change.to)) await makeWritable(work, change, change.to);
  for (const change of down) if (!isCreated(change) && hasContent(change)) await prepare(work, change, change.to);
  for (const change of up) if (isRemoved(change)) await removeOld(work, change);
  for (const change of down) if (isCreated(change)) await create(work, change, change.to);
  for (const change of down) if (!isCreated(change) && change.to?.t === 'file') await rewrite(work, change, change.to);
  for (const change of up) if (change.to?.t === 'dir') await setFolderAttributes(work, change, change.to);
}

type File = Extract<Present, { t: 'file' }>;
const isFolder = (state: State): state is Extract<Present, { t: 'dir' }> => state?.t === 'dir';
const isRemoved = ({ from, to }: Change) => from !== null && !samePart(from, to, 'e');
const isCreated = (change: Change): change is Change & { to: Present } => change.to !== null && !samePart(change.from, change.to, 'e');
const hasContent = (change: Change): change is Change & { to: File } => change.to?.t === 'file' && !samePart(change.from, change.to, 'c');
export const opened = (mode: number): number => mode | 0o700;
const isThere = (folder: Folder, name: string, path: Path, locked: LockedStore, state: Present) =>
  readStateIn({ ...locked.readOptions, content: state.t === 'file' && state.c !== undefined }, folder, name, path).then(
    (seen) => seen.kind === 'state' && sameState(seen.state, state),
  );

async function makeWritable({ inParent }: Work, { path, from }: Change, to: Extract<Present, { t: 'dir' }>): Promise<void> {
  if (samePart(from, to, 'm')) return;
  await inParent(path, (folder, name) => setMode(folder, name, opened(to.m)));
}

async function prepare({ locked, inParent, syncs, prepared }: Work, { path, ordinal }: Change, to: File): Promise<void> {
  await inParent(path, async (folder) => {
    if (!(await prepareFile(folder, ordinal, to, locked.images, syncs))) throw new ImageMissing(path);
  });
  prepared.add(ordinal);
  await locked.failpoint('put.prepared');
}

async function removeOld({ locked, inParent }: Work, { path, from, ordinal }: Change): Promise<void> {
  const live = await readState({ ...locked.readOptions, content: false }, path);
  if (live.kind !== 'state' || live.state === null || from === null || !samePart(live.state, from, 'e')) return;
  await locked.failpoint('apply.remove');
  await inParent(path, async (folder, name) => {
    if (from.t === 'dir') await removeOne(folder, name, 'dir');
    else await replaceAside(locked, { path, folder, name, ordinal, from }, false);
  });
}

async function create(work: Work, change: Change, to: Present): Promise<void> {
  const { locked, inParent, prepared } = work;
  const { path, ordinal } = change;
  const isDone = await inParent(path, (folder, name) =>
    isThere(folder, name, path, locked, to.t === 'dir' ? { ...to, m: opened(to.m) } : to),
  );
  if (isDone) return inParent(path, (folder) => sweep(folder, ordinal));
  await locked.failpoint('apply.create');
  if (to.t === 'file' && !prepared.has(ordinal)) await prepare(work, change, to);
  await inParent(path, async (folder, name) => {
    try {
      if (to.t === 'dir') await makeFolder(folder, name, opened(to.m));
      else if (to.t === 'link') await makeLink(folder, name, to.l);
      else await linkPrepared(folder, name, ordinal);
    } catch (error) {
      throw codeOf(error) === 'EEXIST' ? new ForeignWrite(path) : error;
    }
  });
  if (to.t === 'file') await locked.failpoint('put.placed');
}

async function rewrite({ locked, inParent }: Work, change: Change, to: File): Promise<void> {
  const { path, from, ordinal } = change;
  if (from?.t !== 'file') return;
  await inParent(path, async (folder, name) => {
    if (hasContent(change)) {
      if (await isThere(folder, name, path, locked, to)) return sweep(folder, ordinal);
      await locked.failpoint('apply.write');
      await replaceAside(locked, { path, folder, name, ordinal, from }, true);
      return;
    }
    if (samePart(from, to, 'm') || (await isThere(folder, name, path, locked, withoutContent(to)))) return;
    if (!(await isThere(folder, name, path, locked, withoutContent(from)))) throw new ForeignWrite(path);
    await locked.failpoint('apply.write');
    await setMode(folder, name, to.m);
  });
}
const withoutContent = ({ t, m, u, g }: File): Present => ({ t, m, u, g });

async function setFolderAttributes({ inParent }: Work, { path }: Change, to: Extract<Present, { t: 'dir' }>): Promise<void> {
  await inParent(path, async (folder, name) => {
    await setTimes(folder, name, to.u);
    await setMode(folder, name, to.m);
  });
}

async function linkPrepared(folder: Folder, name: string, ordinal: number): Promise<void> {
  await link(folder.at(ownName(ordinal)), folder.at(name));
  await unlink(folder.at(ownName(ordinal)));
}

async function syncFolders(locked: LockedStore, folders: ReadonlySet<Path>): Promise<void> {
  for (const path of folders) {
    const opened = await openFolder(locked.readOptions.root, path);
    if (opened.kind !== 'folder') continue;
    try {
      await opened.folder.sync();
    } finally {
      await opened.folder.close();
    }
  }
}
