import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Anchor, AnchorError } from '@recant/ledger';
import { NOTE_BYTES_MAX, parseCheckpoint, parseNote, type TreeHead } from '@recant/transparency';

/** Fixed number of digits: file names sort by size. */
const SIZE_DIGITS = 19;
const NAME = /^[0-9]{19}\.checkpoint$/;
/** World-readable: a checkpoint contains no secrets. */
const FILE_MODE = 0o644;

/**
 * Stores each checkpoint as a file `<dir>/<origin>/<size>.checkpoint`, never overwritten. Protects only on another machine or write-once
 * medium. A crash leaves at most an ignored `.draft` file.
 */
export function folderAnchor(dir: string): Anchor {
  const name = 'folder';
  return {
    name,
    async put({ origin, size, note }) {
      const folder = join(dir, ...pathOf(origin));
      const path = join(folder, `${String(size).padStart(SIZE_DIGITS, '0')}.checkpoint`);
      await orUnavailable(folder, () => mkdir(folder, { recursive: true }));
      if (await orUnavailable(path, () => createFile(path, note))) return;
      const existing = headIn(path, await orUnavailable(path, () => readFile(path)));
      const given = headIn(path, note);
      if (existing.size !== given.size || Buffer.compare(existing.root, given.root) !== 0)
        throw new AnchorError('anchor_conflict', `${path} contains another tree: the log, or the file, was changed after anchoring.`);
    },
    async latest(origin) {
      const folder = join(dir, ...pathOf(origin));
      // An unmounted folder must not look like an empty one.
      await orUnavailable(dir, () => readdir(dir));
      const names = await orUnavailable(folder, () => readdir(folder).catch(absentAs<string[]>([])));
      const newest = names
        .filter((each) => NAME.test(each))
        .sort()
        .at(-1);
      if (newest === undefined) return undefined;
      const path = join(folder, newest);
      const note = await orUnavailable(path, () => readFile(path));
      headIn(path, note);
      return note;
    },
  };
}

/** Encodes each part of an origin as one file name, so that none leaves the folder. */
function pathOf(origin: string): string[] {
  return origin.split('/').map((part) => encodeURIComponent(part).replaceAll('.', '%2E').replaceAll('*', '%2A') || '%');
}

/** Atomic and durable. @returns false if the file exists; it is not changed */
async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const draft = `${path}.${randomUUID()}.draft`;
  const file = await open(draft, 'wx', FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function headIn(path: string, note: Uint8Array): TreeHead {
  try {
    if (note.length > NOTE_BYTES_MAX) throw new RangeError(`expected at most ${NOTE_BYTES_MAX} bytes, got ${note.length}`);
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new AnchorError('anchor_unavailable', `${path} is not a checkpoint (${(cause as Error).message}): restore the file.`, {
      cause,
    });
  }
}

const absentAs =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };

async function orUnavailable<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof AnchorError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new AnchorError('anchor_unavailable', `${path} is not usable (${code}): create or mount it, make it writable, or free space.`, {
      cause,
    });
  }
}
