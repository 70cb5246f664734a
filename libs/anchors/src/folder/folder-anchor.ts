import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Anchor, AnchorError } from '@recant/ledger';
import { NOTE_BYTES_MAX, parseCheckpoint, parseNote, type TreeHead } from '@recant/transparency';

/** Digits of a size in a name: names then stand in the order of sizes. */
const SIZE_DIGITS = 19;
const NAME = /^[0-9]{19}\.checkpoint$/;
/** What is made is for everybody to read: nothing secret is in a checkpoint. */
const FILE_MODE = 0o644;

/**
 * Checkpoints as files of a folder, one each, `<dir>/<origin>/<size>.checkpoint`, never overwritten. A folder on another machine, or on a medium that
 * is written once, is what makes it worth something. What a crash leaves is a file whose name ends in `.draft`, which nobody reads.
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
      const standing = headIn(path, await orUnavailable(path, () => readFile(path)));
      const given = headIn(path, note);
      if (standing.size !== given.size || Buffer.compare(standing.root, given.root) !== 0)
        throw new AnchorError('anchor_conflict', `${path} keeps another tree: history was changed after it was anchored, or the file was.`);
    },
    async latest(origin) {
      const folder = join(dir, ...pathOf(origin));
      // A folder that is not mounted must not look like one that was never written to.
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

/** The parts of an origin, none of which can climb out of the folder or be anything but one name in it. */
function pathOf(origin: string): string[] {
  return origin.split('/').map((part) => encodeURIComponent(part).replaceAll('.', '%2E').replaceAll('*', '%2A') || '%');
}

/** All or nothing, and durable. @returns false where a file of that name is there: it is left as it is. */
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
    if (note.length > NOTE_BYTES_MAX) throw new RangeError(`it has ${note.length} bytes`);
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new AnchorError('anchor_unavailable', `${path} is no checkpoint (${(cause as Error).message}): put back what was there.`, {
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
    throw new AnchorError('anchor_unavailable', `${path} cannot be used (${code}): make or mount it, make it writable, or free space.`, {
      cause,
    });
  }
}
