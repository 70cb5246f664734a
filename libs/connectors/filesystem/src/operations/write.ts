import { ConnectorError } from '@recant/connector';
import { changing, replacing } from '../act.ts';
import { inParent, putFile } from '../change.ts';
import { systemError } from '../failure.ts';
import { digestOf } from '../images.ts';
import { lookOrRefuse } from '../look.ts';
import type { Path } from '../path.ts';
import type { Present } from '../state.ts';
import type { Held } from '../store.ts';
import { type Acting, act, below, checkMode, UNSEEN } from './acting.ts';

const FILE_MODE = 0o644;

/** @param make the new content from the old one, which is undefined where there is no file. */
type Make = (old: Buffer | undefined, path: Path) => Uint8Array;

export const writeFile = (acting: Acting, path: string, content: string | Uint8Array, mode?: number): Promise<void> =>
  rewrite(acting, 'write', path, () => bytesOf(content), mode);

export const append = (acting: Acting, path: string, content: string | Uint8Array): Promise<void> =>
  rewrite(acting, 'append', path, (old) => Buffer.concat([old ?? Buffer.alloc(0), bytesOf(content)]));

export const edit = (acting: Acting, path: string, find: string, replacement: string): Promise<void> =>
  rewrite(acting, 'edit', path, (old, at) => edited(at, old, find, replacement));

async function rewrite(acting: Acting, op: string, text: string, make: Make, mode?: number): Promise<void> {
  const path = below(text);
  checkMode(mode, path);
  await acting.hold(async (held) => {
    const before = await fileAt(held, path);
    const content = make(before === null ? undefined : await held.images.get(before.c ?? ''), path);
    const { fileBytesMax } = held.look;
    if (content.length > fileBytesMax) {
      throw new ConnectorError('too_large', `${path} would have ${content.length} bytes; at most ${fileBytesMax} can be kept.`);
    }
    const m = mode ?? before?.m ?? FILE_MODE;
    const after: Present = { t: 'file', c: digestOf(content), ...UNSEEN, m };
    const planned =
      before === null ? replacing('create', path, null, after) : changing(op, path, before, after, before.m === m ? ['c'] : ['c', 'm']);
    const kept = before === null ? { m } : { m, g: before.g };
    await act(acting, held, [planned], ([entry]) =>
      inParent(held.look.root, path, (folder, name) =>
        putFile(folder, name, content, kept, { replace: before !== null, ordinal: entry?.o ?? 0, failpoint: held.failpoint }),
      ),
    );
  });
}

/** Its content is durable as an image. */
async function fileAt(held: Held, path: Path): Promise<Extract<Present, { t: 'file' }> | null> {
  const state = await lookOrRefuse({ ...held.look, images: held.images }, path);
  if (state?.t === 'dir') throw systemError('EISDIR', 'is a directory', path);
  if (state?.t !== 'link') return state;
  throw new ConnectorError('resource_invalid', `${path} is a symbolic link, and is not followed. Write to its target.`);
}

function edited(path: Path, old: Buffer | undefined, find: string, replacement: string): Uint8Array {
  if (old === undefined) throw systemError('ENOENT', 'no such file or directory', path);
  const at = find === '' ? -1 : old.indexOf(find);
  if (at === -1) throw systemError('EINVAL', 'the text to replace is not there', path);
  if (old.indexOf(find, at + 1) !== -1) throw systemError('EINVAL', 'the text to replace is there more than once', path);
  return Buffer.concat([old.subarray(0, at), Buffer.from(replacement), old.subarray(at + Buffer.byteLength(find))]);
}

const bytesOf = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? Buffer.from(content) : content);
