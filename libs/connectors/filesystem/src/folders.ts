import { readdir } from 'node:fs/promises';
import { type Folder, type Opened, openChild, openFolder } from './folder.ts';
import { OPEN_FOLDERS_MAX, WATCHED_ENTRIES_MAX } from './limits.ts';
import { childOf, nameOf, type Path, parentOf, ROOT } from './path.ts';

/** Folders of one inverse. Each is opened once, and stays open: what the guard saw there and what is written there are in the same folder. */
export interface Folders {
  /** Runs `work` with a folder. `moved`: another folder is at its path, or none, since it was opened first. */
  use<T>(path: Path, work: (opened: Opened) => Promise<T>): Promise<T>;
  /** Device and inode of each folder that was opened. */
  readonly ids: ReadonlyMap<Path, string>;
  /** The inverse itself creates or removes this folder. */
  forget(path: Path): Promise<void>;
  /** From now on a folder that was moved below the root is used where it is. */
  follow(): void;
  /** The first folder that is no longer at its path. */
  firstMoved(): Promise<Path | undefined>;
  close(): Promise<void>;
}

/** @param known device and inode of folders, as an earlier process opened them */
export function createFolders(root: string, known: Iterable<readonly [Path, string]> = []): Folders {
  const ids = new Map<Path, string>(known);
  const open = new Map<Path, Promise<Opened>>();
  let findMoved: ReturnType<typeof createFinder> | undefined;

  async function openAt(path: Path): Promise<Opened> {
    const opened = path === ROOT ? await openFolder(root, ROOT) : await use(parentOf(path), (parent) => openIn(parent, path));
    const expected = ids.get(path);
    const id = opened.kind === 'folder' ? await opened.folder.id() : undefined;
    if (expected === undefined || id === expected) {
      if (id !== undefined) ids.set(path, id);
      return opened;
    }
    if (opened.kind === 'folder') await opened.folder.close();
    return findMoved === undefined ? { kind: 'moved', at: path } : findMoved(path, expected);
  }

  async function use<T>(path: Path, work: (opened: Opened) => Promise<T>): Promise<T> {
    const kept = open.get(path);
    if (kept !== undefined) {
      const opened = await kept;
      if (opened.kind === 'folder') return work(opened);
    } else if (open.size < OPEN_FOLDERS_MAX) {
      const opening = openAt(path);
      open.set(path, opening);
      const opened = await opening.catch((error) => {
        open.delete(path);
        throw error;
      });
      // What is missing now may be created later.
      if (opened.kind !== 'folder') open.delete(path);
      return work(opened);
    }
    const opened = await openAt(path);
    try {
      return await work(opened);
    } finally {
      if (opened.kind === 'folder') await opened.folder.close();
    }
  }

  return {
    use,
    ids,
    async forget(path) {
      const kept = await open.get(path);
      open.delete(path);
      ids.delete(path);
      if (kept?.kind === 'folder') await kept.folder.close();
    },
    follow() {
      findMoved ??= createFinder(root);
    },
    firstMoved: () => firstMoved(root, ids),
    async close() {
      const all = await Promise.all([...open.values()]);
      open.clear();
      for (const opened of all) if (opened.kind === 'folder') await opened.folder.close();
    },
  };
}

async function firstMoved(root: string, ids: ReadonlyMap<Path, string>): Promise<Path | undefined> {
  for (const [path, id] of ids) {
    const opened = await openFolder(root, path);
    if (opened.kind !== 'folder') return path;
    const now = await opened.folder.id();
    await opened.folder.close();
    if (now !== id) return path;
  }
  return undefined;
}

/** Opens a folder by its device and inode, wherever it is below the root. The tree is searched once. */
function createFinder(root: string): (path: Path, id: string) => Promise<Opened> {
  let places: Promise<ReadonlyMap<string, Path>> | undefined;
  return async (path, id) => {
    places ??= placesOf(root);
    const now = (await places).get(id);
    const opened = now === undefined ? undefined : await openFolder(root, now);
    if (opened?.kind === 'folder' && (await opened.folder.id()) === id) return opened;
    if (opened?.kind === 'folder') await opened.folder.close();
    return { kind: 'moved', at: path };
  };
}

async function openIn(parent: Opened, path: Path): Promise<Opened> {
  return parent.kind === 'folder' ? openChild(parent.folder, nameOf(path), path) : parent;
}

/** Where each folder below the root is, by device and inode. */
async function placesOf(root: string): Promise<ReadonlyMap<string, Path>> {
  const places = new Map<string, Path>();
  const visit = async (folder: Folder, path: Path): Promise<void> => {
    for (const entry of await readdir(folder.at('.'), { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory() || places.size >= WATCHED_ENTRIES_MAX) continue;
      const child = await openChild(folder, entry.name, childOf(path, entry.name));
      if (child.kind !== 'folder') continue;
      try {
        places.set(await child.folder.id(), childOf(path, entry.name));
        await visit(child.folder, childOf(path, entry.name));
      } finally {
        await child.folder.close();
      }
    }
  };
  const top = await openFolder(root, ROOT);
  if (top.kind !== 'folder') return places;
  try {
    await visit(top.folder, ROOT);
  } finally {
    await top.folder.close();
  }
  return places;
}
