import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { ConnectorError } from '@recant/connector';
import { systemError } from '../../failure.ts';
import type { Path } from '../../path.ts';
import { readContent, readStateOrThrow } from '../../read-state.ts';
import { preparedFor, replaceAside } from '../../replace-aside.ts';
import type { Present } from '../../state.ts';
import { digestOf } from '../../store/images.ts';
import type { LockedStore } from '../../store/locked-store.ts';
import type { Entry } from '../../store/record.ts';
import { inParent, linkPrepared, prepareContent } from '../../write-files.ts';
import { changing, replacing } from '../perform.ts';
import { below, checkMode, type Operation, performOperation, retried, UNSEEN } from './operation.ts';

const FILE_MODE = 0o644;

/** @param make the new content from the old one, which is undefined where there is no file. */
type Make = (old: Buffer | undefined, path: Path) => Uint8Array;
/** Contents that an operation needs in memory, in bytes. */
const EDITED_BYTES_MAX = 536_870_912;

export const writeFile = (operation: Operation, path: string, content: string | Uint8Array, mode?: number): Promise<void> =>
  rewrite(operation, 'write', path, () => bytesOf(content), { mode, whole: true });

export const append = (operation: Operation, path: string, content: string | Uint8Array): Promise<void> =>
  rewrite(operation, 'append', path, (old) => Buffer.concat([old ?? Buffer.alloc(0), bytesOf(content)]));

export const edit = (operation: Operation, path: string, find: string, replacement: string): Promise<void> =>
  rewrite(operation, 'edit', path, (old, at) => edited(at, old, find, replacement));

async function rewrite(
  operation: Operation,
  op: string,
  text: string,
  make: Make,
  { mode, whole = false }: { readonly mode?: number | undefined; readonly whole?: boolean } = {},
): Promise<void> {
  const path = below(text);
  checkMode(mode, path);
  await retried(path, () =>
    operation.withLock(async (locked) => {
      const { before, stat } = await fileAt(locked, path);
      const content = make(before === null || whole ? undefined : await oldContent(locked, path), path);
      const m = mode ?? before?.m ?? FILE_MODE;
      const after: Present = { t: 'file', c: digestOf(content), ...UNSEEN, m };
      const planned =
        before === null ? replacing('create', path, null, after) : changing(op, path, before, after, before.m === m ? ['c'] : ['c', 'm']);
      // Another capture that compares the path may find this content replaced, and needs its image then.
      if (locked.history.isWatched(path)) await locked.images.put(content);
      const place = ([entry]: readonly Entry[]) =>
        inParent(locked.readOptions, path, async (folder, name) => {
          const ordinal = entry?.o ?? 0;
          if (before === null) await linkPrepared(folder, name, ordinal);
          else await replaceAside(locked, { path, folder, name, ordinal, from: before, stat }, preparedFor({ folder, ordinal }));
          if (before === null) await locked.failpoint('put.placed');
          await folder.sync();
        });
      const prepare = ([entry]: readonly Entry[]) =>
        inParent(locked.readOptions, path, async (folder) => {
          await prepareContent(folder, entry?.o ?? 0, content, before === null ? { m } : { m, g: before.g });
          await locked.failpoint('put.prepared');
        });
      await performOperation(operation, locked, [planned], place, prepare);
    }),
  );
}

async function oldContent(locked: LockedStore, path: Path): Promise<Buffer> {
  return inParent(locked.readOptions, path, async (folder, name) => {
    const { size } = await lstat(folder.at(name));
    if (size > EDITED_BYTES_MAX)
      throw new ConnectorError(
        'too_large',
        `File too large: ${path} has ${size} bytes, expected at most ${EDITED_BYTES_MAX} to edit it. Write it anew.`,
      );
    return readContent(folder.at(name));
  });
}

/** State of a file, whose content is an image then; a file over the limit becomes its own image when it is replaced. */
async function fileAt(
  locked: LockedStore,
  path: Path,
): Promise<{ readonly before: Extract<Present, { t: 'file' }> | null; readonly stat?: BigIntStats | undefined }> {
  const { state, stat } = await readStateOrThrow({ ...locked.readOptions, images: locked.images }, path);
  if (state?.t === 'dir') throw systemError('EISDIR', 'is a directory', path);
  if (state?.t !== 'link') return { before: state, stat };
  throw new ConnectorError('resource_invalid', `${path} is a symbolic link and is not followed. Write to its target.`);
}

function edited(path: Path, old: Buffer | undefined, find: string, replacement: string): Uint8Array {
  if (old === undefined) throw systemError('ENOENT', 'no such file or directory', path);
  const at = find === '' ? -1 : old.indexOf(find);
  if (at === -1) throw systemError('EINVAL', 'text to replace not found', path);
  if (old.indexOf(find, at + 1) !== -1) throw systemError('EINVAL', 'text to replace found more than once', path);
  return Buffer.concat([old.subarray(0, at), Buffer.from(replacement), old.subarray(at + Buffer.byteLength(find))]);
}

const bytesOf = (content: string | Uint8Array): Uint8Array => Buffer.from(content as Uint8Array);
