import { rename } from 'node:fs/promises';
import { ConnectorError } from '@recant/connector';
import { changing, replacing } from '../act.ts';
import { inParent, makeFolder, removeOne, setMode } from '../change.ts';
import { systemError } from '../failure.ts';
import { lookBeneath, lookOrRefuse } from '../look.ts';
import { isWithin, type Path, parentOf, ROOT, rebase } from '../path.ts';
import type { Present } from '../state.ts';
import type { Held } from '../store.ts';
import { type Acting, act, below, checkMode, typeAt, UNSEEN } from './acting.ts';

const FOLDER_MODE = 0o755;

export async function move(acting: Acting, fromText: string, toText: string): Promise<void> {
  const [from, to] = [below(fromText), below(toText)];
  if (from === to) return;
  if (isWithin(to, from)) throw systemError('EINVAL', 'a folder cannot be moved into itself', to);
  await acting.hold(async (held) => {
    const keeping = { ...held.look, images: held.images };
    const tree = await lookBeneath(keeping, from);
    const moved = tree.get(from) ?? null;
    const replaced = await lookOrRefuse(keeping, to);
    if (moved === null) throw systemError('ENOENT', 'no such file or directory', from);
    if (replaced?.t === 'dir' || (replaced !== null && moved.t === 'dir')) throw systemError('EEXIST', 'file already exists', to);
    const gone = [...tree].reverse().map(([path, state]) => replacing('move', path, state, null));
    const come = [...tree].map(([path, state]) => replacing('move', rebase(path, from, to), path === from ? replaced : null, state));
    await act(acting, held, [...gone, ...come], () => renameSynced(held.look.root, from, to));
  });
}

async function renameSynced(root: string, from: Path, to: Path): Promise<void> {
  await inParent(root, from, (source, name) =>
    inParent(root, to, async (target, newName) => {
      await rename(source.at(name), target.at(newName));
      await source.sync();
      await target.sync();
    }),
  );
}

export async function remove(acting: Acting, text: string, recursive: boolean): Promise<void> {
  const path = below(text);
  await acting.hold(async (held) => {
    const tree = await lookBeneath({ ...held.look, images: held.images }, path);
    if (tree.get(path) === null) throw systemError('ENOENT', 'no such file or directory', path);
    if (tree.size > 1 && !recursive) throw systemError('ENOTEMPTY', 'directory not empty', path);
    const up = [...tree].reverse().filter((item): item is [Path, Present] => item[1] !== null);
    const planned = up.map(([at, state]) => replacing('remove', at, state, null));
    await act(acting, held, planned, async () => {
      for (const [at, state] of up) {
        await inParent(held.look.root, at, (folder, name) => removeOne(folder, name, state.t));
        await held.failpoint('remove.one');
      }
    });
  });
}

export async function mkdir(
  acting: Acting,
  text: string,
  options: { readonly recursive?: boolean; readonly mode?: number },
): Promise<void> {
  const path = below(text);
  checkMode(options.mode, path);
  const after: Present = { t: 'dir', m: options.mode ?? FOLDER_MODE, ...UNSEEN };
  await acting.hold(async (held) => {
    const missing = await missingFolders(held, path, options.recursive === true);
    const planned = missing.map((at) => replacing('mkdir', at, null, after));
    await act(acting, held, planned, async () => {
      for (const at of missing) await inParent(held.look.root, at, (folder, name) => makeFolder(folder, name, after.m));
    });
  });
}

/** Folders to make, parents first. */
async function missingFolders(held: Held, path: Path, recursive: boolean): Promise<Path[]> {
  const there = await typeAt(held, path);
  if (there !== null && !(recursive && there.t === 'dir')) throw systemError('EEXIST', 'file already exists', path);
  if (there !== null) return [];
  const missing = [path];
  if (!recursive) return missing;
  for (let at = parentOf(path); at !== ROOT && (await typeAt(held, at)) === null; at = parentOf(at)) missing.unshift(at);
  return missing;
}

export async function chmod(acting: Acting, text: string, mode: number): Promise<void> {
  const path = below(text);
  checkMode(mode, path);
  await acting.hold(async (held) => {
    const before = await lookOrRefuse({ ...held.look, content: false }, path);
    if (before === null) throw systemError('ENOENT', 'no such file or directory', path);
    if (before.t === 'link') throw new ConnectorError('resource_invalid', `${path} is a symbolic link, which has no mode.`);
    await act(acting, held, [changing('chmod', path, before, { ...before, m: mode }, ['m'])], () =>
      inParent(held.look.root, path, (folder, name) => setMode(folder, name, mode)),
    );
  });
}
