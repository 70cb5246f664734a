import { rename } from 'node:fs/promises';
import { ConnectorError } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import { changing, note, type Planned, perform, reading, replacing } from './act.ts';
import { inParent, makeFolder, putFile, removeOne, setMode } from './change.ts';
import { systemError } from './failure.ts';
import { digestOf } from './images.ts';
import { LIST_READS_MAX } from './limits.ts';
import { look, lookBeneath, lookOrRefuse, namesIn, readContent } from './look.ts';
import { childOf, isWithin, type Path, parentOf, pathOf, ROOT, rebase, resourceOf } from './path.ts';
import type { Present, State } from './state.ts';
import type { Held, Store } from './store.ts';

/**
 * A folder whose every change is captured. Paths are relative to the root; nothing outside it is reached, and no link is followed.
 * Errors are those of node:fs (`code`), but `ConnectorError` where a path or a size is refused: then nothing was changed.
 */
export interface Directory {
  readFile(path: string): Promise<Buffer>;
  readFile(path: string, encoding: BufferEncoding): Promise<string>;
  /** Replaces the whole content, atomically; makes the file where there is none. */
  writeFile(path: string, content: string | Uint8Array, options?: { readonly mode?: number }): Promise<void>;
  /** Replaces the one place where `find` stands. @throws Error `EINVAL` where it stands nowhere or twice. */
  edit(path: string, find: string, replacement: string): Promise<void>;
  append(path: string, content: string | Uint8Array): Promise<void>;
  /** Moves a file, link or folder; replaces a file or a link, never a folder. */
  move(from: string, to: string): Promise<void>;
  /** Removes a file, a link or an empty folder; with `recursive` a folder with all beneath. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>;
  mkdir(path: string, options?: { readonly recursive?: boolean; readonly mode?: number }): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  list(path: string): Promise<string[]>;
  stat(path: string): Promise<{ readonly type: 'file' | 'dir' | 'link'; readonly mode?: number; readonly modifiedMs?: number }>;
}

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
/** Time and owner of what is not there yet; read from the target once it is. */
const UNSEEN = { u: 0, g: [0, 0] as const };

/** @param use runs an operation while the attempt may still act. */
export function createDirectory(attempt: AttemptRef, use: Store['hold']): Directory {
  const act = (held: Held, planned: readonly Planned[], work: Parameters<typeof perform>[3]) => {
    for (const { p } of planned) resourceOf(held.system, p);
    return perform(held, attempt, planned, work);
  };
  async function rewrite(
    op: string,
    text: string,
    options: { make: (before: Buffer | undefined) => Uint8Array; mode?: number | undefined },
  ) {
    const path = below(text);
    await use(async (held) => {
      const before = await lookOrRefuse({ ...held.look, images: held.images }, path);
      if (before?.t === 'dir') throw systemError('EISDIR', 'is a directory', path);
      if (before?.t === 'link')
        throw new ConnectorError('resource_invalid', `${path} is a symbolic link, and is not followed. Write to its target.`);
      const old = before === null ? undefined : await held.images.get(before.c ?? '');
      const content = options.make(old);
      if (content.length > held.look.fileBytesMax)
        throw new ConnectorError('too_large', `${path} would have ${content.length} bytes; at most ${held.look.fileBytesMax} can be kept.`);
      const m = options.mode ?? before?.m ?? FILE_MODE;
      const after: Present = { t: 'file', c: digestOf(content), ...UNSEEN, m };
      const written = before === null ? undefined : before.m === m ? (['c'] as const) : (['c', 'm'] as const);
      const planned = written === undefined ? replacing('create', path, null, after) : changing(op, path, before, after, written);
      await act(held, [planned], ([entry]) =>
        inParent(held.look.root, path, (folder, name) =>
          putFile(folder, name, content, before === null ? { m } : { m, g: before.g }, {
            replace: before !== null,
            ordinal: entry?.o ?? 0,
            failpoint: held.failpoint,
          }),
        ),
      );
    });
  }
  async function seen<T>(
    op: string,
    text: string,
    read: (held: Held, path: Path, state: Present) => Promise<{ value: T; entries: Planned[] }>,
  ): Promise<T> {
    const path = pathOf(text);
    return use(async (held) => {
      const state = await lookOrRefuse({ ...held.look, content: false }, path);
      resourceOf(held.system, path);
      if (state === null) {
        await note(held, attempt, [reading(op, path, null, ['e'])], false);
        throw systemError('ENOENT', 'no such file or directory', path);
      }
      const { value, entries } = await read(held, path, state);
      await note(held, attempt, entries, false);
      return value;
    });
  }

  async function readFile(text: string): Promise<Buffer>;
  async function readFile(text: string, encoding: BufferEncoding): Promise<string>;
  async function readFile(text: string, encoding?: BufferEncoding): Promise<Buffer | string> {
    const content = await seen('read', text, async (held, path, state) => {
      if (state.t === 'dir') throw systemError('EISDIR', 'is a directory', path);
      const value = await inParent(held.look.root, path, (folder, name) => readContent(folder.at(name), path, held.look.fileBytesMax));
      return { value, entries: [reading('read', path, state.t === 'file' ? { ...state, c: digestOf(value) } : state, ['e', 'c'])] };
    });
    return encoding === undefined ? content : content.toString(encoding);
  }

  return {
    readFile,
    writeFile: (path, content, options) => rewrite('write', path, { make: () => bytesOf(content), mode: options?.mode }),
    edit: (path, find, replacement) => rewrite('edit', path, { make: (before) => edited(path, before, find, replacement) }),
    append: (path, content) => rewrite('append', path, { make: (before) => Buffer.concat([before ?? Buffer.alloc(0), bytesOf(content)]) }),
    async move(fromText, toText) {
      const [from, to] = [below(fromText), below(toText)];
      if (from === to) return;
      if (isWithin(to, from)) throw systemError('EINVAL', 'a folder cannot be moved into itself', to);
      await use(async (held) => {
        const keeping = { ...held.look, images: held.images };
        const tree = await lookBeneath(keeping, from);
        const moved = tree.get(from) ?? null;
        const replaced = await lookOrRefuse(keeping, to);
        if (moved === null) throw systemError('ENOENT', 'no such file or directory', from);
        if (replaced?.t === 'dir' || (replaced !== null && moved.t === 'dir')) throw systemError('EEXIST', 'file already exists', to);
        const gone = [...tree].reverse().map(([path, state]) => replacing('move', path, state, null));
        const come = [...tree].map(([path, state]) => replacing('move', rebase(path, from, to), path === from ? replaced : null, state));
        await act(held, [...gone, ...come], () =>
          inParent(held.look.root, from, (source, name) =>
            inParent(held.look.root, to, async (target, newName) => {
              await rename(source.at(name), target.at(newName));
              await source.sync();
              await target.sync();
            }),
          ),
        );
      });
    },
    async remove(text, options) {
      const path = below(text);
      await use(async (held) => {
        const tree = await lookBeneath({ ...held.look, images: held.images }, path);
        if (tree.get(path) === null) throw systemError('ENOENT', 'no such file or directory', path);
        if (tree.size > 1 && options?.recursive !== true) throw systemError('ENOTEMPTY', 'directory not empty', path);
        const up = [...tree].reverse().filter((item): item is [Path, Present] => item[1] !== null);
        await act(
          held,
          up.map(([at, state]) => replacing('remove', at, state, null)),
          async () => {
            for (const [at, state] of up) {
              await inParent(held.look.root, at, (folder, name) => removeOne(folder, name, state.t));
              await held.failpoint('remove.one');
            }
          },
        );
      });
    },
    async mkdir(text, options) {
      const path = below(text);
      const after: Present = { t: 'dir', m: options?.mode ?? FOLDER_MODE, ...UNSEEN };
      await use(async (held) => {
        const missing = await missingFolders(held, path, options?.recursive === true);
        await act(
          held,
          missing.map((at) => replacing('mkdir', at, null, after)),
          async () => {
            for (const at of missing) await inParent(held.look.root, at, (folder, name) => makeFolder(folder, name, after.m));
          },
        );
      });
    },
    async chmod(text, mode) {
      const path = below(text);
      if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) throw systemError('EINVAL', 'not a mode', path);
      await use(async (held) => {
        const before = await lookOrRefuse({ ...held.look, content: false }, path);
        if (before === null) throw systemError('ENOENT', 'no such file or directory', path);
        if (before.t === 'link') throw new ConnectorError('resource_invalid', `${path} is a symbolic link, which has no mode.`);
        await act(held, [changing('chmod', path, before, { ...before, m: mode }, ['m'])], () =>
          inParent(held.look.root, path, (folder, name) => setMode(folder, name, mode)),
        );
      });
    },
    list: (text) =>
      seen('list', text, async (held, path, state) => {
        if (state.t !== 'dir') throw systemError('ENOTDIR', 'not a directory', path);
        const names = await namesIn(held.look, path);
        const entries = [reading('list', path, state, ['e'])];
        for (const name of names.slice(0, LIST_READS_MAX))
          entries.push(reading('list', childOf(path, name), await typeAt(held, childOf(path, name)), ['e']));
        return { value: names, entries };
      }),
    stat: (text) =>
      seen('stat', text, async (_held, path, state) => ({
        value: { type: state.t, ...(state.t === 'link' ? {} : { mode: state.m, modifiedMs: state.u / 1000 }) },
        entries: [reading('stat', path, state, ['e', 'm'])],
      })),
  };
}

/** @throws ConnectorError `resource_invalid` also for the root itself. */
function below(text: string): Path {
  const path = pathOf(text);
  if (path === ROOT) throw new ConnectorError('resource_invalid', 'The root itself cannot be changed. Name a path below it.');
  return path;
}

const bytesOf = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? Buffer.from(content) : content);

function edited(path: string, before: Buffer | undefined, find: string, replacement: string): Uint8Array {
  if (before === undefined) throw systemError('ENOENT', 'no such file or directory', path);
  const at = find === '' ? -1 : before.indexOf(find);
  if (at === -1) throw systemError('EINVAL', 'the text to replace is not there', path);
  if (before.indexOf(find, at + 1) !== -1) throw systemError('EINVAL', 'the text to replace is there more than once', path);
  return Buffer.concat([before.subarray(0, at), Buffer.from(replacement), before.subarray(at + Buffer.byteLength(find))]);
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

async function typeAt(held: Held, path: Path): Promise<State> {
  const seen = await look({ ...held.look, content: false }, path);
  return seen.kind === 'state' ? seen.state : null;
}
