import { rename } from 'node:fs/promises';
import { ConnectorError } from '@recant/connector';
import { systemError } from '../../failure.ts';
import { isWithin, type Path, parentOf, ROOT, rebase } from '../../path.ts';
import { readStateOrThrow, readTree } from '../../read-state.ts';
import { moveAside, replaceAside } from '../../replace-aside.ts';
import type { Present } from '../../state.ts';
import type { LockedStore } from '../../store/locked-store.ts';
import { inParent, makeFolder, removeOne, setMode } from '../../write-files.ts';
import { changing, replacing } from '../perform.ts';
import { below, checkMode, type Operation, performOperation, retried, typeAt, UNSEEN } from './operation.ts';

const FOLDER_MODE = 0o755;

export async function move(operation: Operation, fromText: string, toText: string): Promise<void> {
  const [from, to] = [below(fromText), below(toText)];
  if (from === to) return;
  if (isWithin(to, from)) throw systemError('EINVAL', 'a folder cannot be moved into itself', to);
  await retried(to, () => operation.withLock((locked) => moveOne(operation, locked, from, to)));
}

async function moveOne(operation: Operation, locked: LockedStore, from: Path, to: Path): Promise<void> {
  const keeping = { ...locked.readOptions, images: locked.images };
  const tree = await readTree(keeping, from);
  const moved = tree.get(from) ?? null;
  const { state: replaced, stat } = await readStateOrThrow(keeping, to);
  if (moved === null) throw systemError('ENOENT', 'no such file or directory', from);
  if (replaced?.t === 'dir' || (replaced !== null && moved.t === 'dir')) throw systemError('EEXIST', 'file already exists', to);
  const gone = [...tree].reverse().map(([path, state]) => replacing('move', path, state, null));
  const come = [...tree].map(([path, state]) => replacing('move', rebase(path, from, to), path === from ? replaced : null, state));
  await performOperation(operation, locked, [...gone, ...come], (entries) => {
    const ordinalOf = (path: Path) => entries.find(({ p }) => p === path)?.o ?? 0;
    return inParent(locked.readOptions, from, (source, name) =>
      inParent(locked.readOptions, to, async (target, newName) => {
        const place = { path: to, folder: target, name: newName };
        const old = replaced === null ? undefined : { ...place, ordinal: ordinalOf(to), from: replaced, stat };
        // An empty folder is all that a rename of a folder could replace.
        if (moved.t === 'dir') await rename(source.at(name), target.at(newName));
        else await moveAside(locked, { path: from, folder: source, name, ordinal: ordinalOf(from), from: moved }, place, old);
        await source.sync();
        await target.sync();
      }),
    );
  });
}

export async function remove(operation: Operation, text: string, recursive: boolean): Promise<void> {
  const path = below(text);
  await retried(path, () => operation.withLock((locked) => removeAll(operation, locked, path, recursive)));
}

async function removeAll(operation: Operation, locked: LockedStore, path: Path, recursive: boolean): Promise<void> {
  const tree = await readTree({ ...locked.readOptions, images: locked.images }, path);
  if (tree.get(path) === null) throw systemError('ENOENT', 'no such file or directory', path);
  if (tree.size > 1 && !recursive) throw systemError('ENOTEMPTY', 'directory not empty', path);
  const up = [...tree].reverse().filter((item): item is [Path, Present] => item[1] !== null);
  const planned = up.map(([at, state]) => replacing('remove', at, state, null));
  await performOperation(operation, locked, planned, async (entries) => {
    for (const [index, [at, from]] of up.entries()) {
      await inParent(locked.readOptions, at, async (folder, name) => {
        if (from.t === 'dir') return removeOne(folder, name, 'dir');
        await replaceAside(locked, { path: at, folder, name, ordinal: entries[index]?.o ?? 0, from }, undefined);
        await folder.sync();
      });
      await locked.failpoint('remove.one');
    }
  });
}

export async function mkdir(
  operation: Operation,
  text: string,
  options: { readonly recursive?: boolean; readonly mode?: number },
): Promise<void> {
  const path = below(text);
  checkMode(options.mode, path);
  const after: Present = { t: 'dir', m: options.mode ?? FOLDER_MODE, ...UNSEEN };
  await operation.withLock(async (locked) => {
    const missing = await missingFolders(locked, path, options.recursive === true);
    const planned = missing.map((at) => replacing('mkdir', at, null, after));
    await performOperation(operation, locked, planned, async () => {
      for (const at of missing) await inParent(locked.readOptions, at, (folder, name) => makeFolder(folder, name, after.m));
    });
  });
}

/** Folders to create, parents first. */
async function missingFolders(locked: LockedStore, path: Path, recursive: boolean): Promise<Path[]> {
  const there = await typeAt(locked, path);
  if (there !== null && !(recursive && there.t === 'dir')) throw systemError('EEXIST', 'file already exists', path);
  if (there !== null) return [];
  const missing = [path];
  if (!recursive) return missing;
  for (let at = parentOf(path); at !== ROOT && (await typeAt(locked, at)) === null; at = parentOf(at)) missing.unshift(at);
  return missing;
}

export async function chmod(operation: Operation, text: string, mode: number): Promise<void> {
  const path = below(text);
  checkMode(mode, path);
  await operation.withLock(async (locked) => {
    const { state: before } = await readStateOrThrow({ ...locked.readOptions, content: false }, path);
    if (before === null) throw systemError('ENOENT', 'no such file or directory', path);
    if (before.t === 'link') throw new ConnectorError('resource_invalid', `Cannot change the mode of ${path}: it is a symbolic link.`);
    await performOperation(operation, locked, [changing('chmod', path, before, { ...before, m: mode }, ['m'])], () =>
      inParent(locked.readOptions, path, (folder, name) => setMode(folder, name, mode)),
    );
  });
}
