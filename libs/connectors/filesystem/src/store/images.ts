import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, copyFile, type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../failure.ts';
import { JOURNALLED_BYTES_MAX, WAITING_BYTES_MAX } from '../limits.ts';
import { syncAll, syncOne } from './durable.ts';
import type { Content, Journal, Line } from './journal.ts';

const CHUNK_BYTES = 1_048_576;
const NEW_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
const IS_DIGEST = /^[0-9a-f]{64}$/;

/** Contents by SHA-256: small ones in the journal, large ones and those that an inverse set aside as one file each. */
export interface Images {
  /** Durable after `flush` and the next durable record. Idempotent. */
  put(content: Uint8Array): Promise<string>;
  /** Makes those that are files durable. */
  flush(): Promise<void>;
  /**
   * Makes a file that is about to be replaced, or is removed, the image of its content. Durable after `flush`.
   * @param how `moves`: the path is free afterwards; `copies`: also, but other names of the file stay apart from the image; `links`: the caller replaces
   * the path next
   */
  adopt(path: string, digest: string, how: 'moves' | 'copies' | 'links'): Promise<void>;
  has(digest: string): Promise<boolean>;
  /**
   * Copies an image to a new file and reads it back from there (I7): what is linked into place is what was compared. The caller closes the file.
   * Undefined: the image is missing or damaged; the file may exist.
   */
  copyTo(digest: string, path: string): Promise<FileHandle | undefined>;
}

/** What the store itself does with them. */
export interface StoredImages extends Images {
  /** Contents that the next record has to bring along. */
  waiting(): readonly Content[];
  /** Where the journal has contents. */
  learn(digest: string, line: Line): void;
}

export function createImages(folder: string, scratch: string, journal: Pick<Journal, 'appendContents' | 'readContent'>): StoredImages {
  const waiting = new Map<string, Uint8Array>();
  let waitingBytes = 0;
  const journalled = new Map<string, Line>();
  const files = createImageFiles(folder, scratch);
  const learn = (digest: string, line: Line) => {
    journalled.set(digest, line);
    waitingBytes -= waiting.get(digest)?.length ?? 0;
    waiting.delete(digest);
  };
  const contentsWaiting = () => [...waiting].map(([digest, content]) => ({ digest, content }));
  const isJournalled = (digest: string) => journalled.has(digest) || waiting.has(digest);
  return {
    async put(content) {
      const digest = digestOf(content);
      if (content.length > JOURNALLED_BYTES_MAX) await files.write(digest, content);
      else if (!isJournalled(digest) && !(await files.has(digest))) {
        waiting.set(digest, content);
        waitingBytes += content.length;
        if (waitingBytes > WAITING_BYTES_MAX) {
          const contents = contentsWaiting();
          const lines = await journal.appendContents(contents);
          for (const [index, line] of lines.entries()) learn(contents[index]?.digest ?? '', line);
        }
      }
      return digest;
    },
    flush: files.flush,
    adopt: (path, digest, how) => (isJournalled(digest) ? dropFile(path, how) : files.adopt(path, digest, how)),
    has: async (digest) => isJournalled(digest) || files.has(digest),
    async copyTo(digest, path) {
      if (!IS_DIGEST.test(digest)) return undefined;
      const line = journalled.get(digest);
      const content = waiting.get(digest) ?? (line === undefined ? undefined : await journal.readContent(line));
      if (content === undefined) return files.copyTo(digest, path);
      if (digestOf(content) !== digest) return undefined;
      return checked(await open(path, NEW_FILE, 0o600), digest, (file) => file.writeFile(content));
    },
    waiting: contentsWaiting,
    learn,
  };
}

const dropFile = async (path: string, how: 'moves' | 'copies' | 'links') => (how === 'links' ? undefined : unlink(path));

type ImageFiles = Omit<Images, 'put'> & {
  /** Durable after `flush`. */
  write(digest: string, content: Uint8Array): Promise<void>;
};

function createImageFiles(folder: string, scratch: string): ImageFiles {
  const pending = new Map<string, string>();
  const parents = new Set<string>();
  const pathOf = (digest: string) => join(folder, digest.slice(0, 2), digest);
  /** A folder of images was created, and its name is not durable yet. */
  let hasNewFolder = false;
  const folderFor = async (digest: string) => {
    const parent = join(folder, digest.slice(0, 2));
    if (parents.has(parent)) return;
    if ((await mkdir(parent, { recursive: true, mode: 0o700 })) !== undefined) hasNewFolder = true;
    parents.add(parent);
  };
  return {
    async write(digest, content) {
      const path = pathOf(digest);
      if (await exists(path)) {
        // Its writer may have been killed before the sync.
        pending.set(digest, path);
        return;
      }
      await folderFor(digest);
      const prepared = join(scratch, randomUUID());
      const file = await open(prepared, 'wx', 0o600);
      try {
        await file.writeFile(content);
      } finally {
        await file.close();
      }
      await rename(prepared, path);
      pending.set(digest, path);
    },
    async flush() {
      if (pending.size === 0) return;
      const digests = [...pending.keys()];
      const folders = [...new Set(digests.map((digest) => join(folder, digest.slice(0, 2))))];
      await syncAll([...pending.values(), ...folders], folder);
      if (hasNewFolder) await syncOne(folder);
      hasNewFolder = false;
      for (const digest of digests) pending.delete(digest);
    },
    async adopt(path, digest, how) {
      const image = pathOf(digest);
      // A rename over an equal image changes nothing.
      if (how !== 'moves' && (await exists(image))) return dropFile(path, how);
      await folderFor(digest);
      pending.set(digest, image);
      await adoptFile(path, image, how, join(scratch, randomUUID()));
    },
    has: (digest) => exists(pathOf(digest)),
    copyTo: (digest, path) => copyImage(pathOf(digest), digest, path),
  };
}

async function copyImage(image: string, digest: string, path: string): Promise<FileHandle | undefined> {
  if (!(await exists(image))) return undefined;
  await copyFile(image, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  // An image's own mode lets its owner read and write it.
  return checked(await open(path, constants.O_RDWR | constants.O_NOFOLLOW), digest);
}

async function checked(file: FileHandle, digest: string, write?: (file: FileHandle) => Promise<void>): Promise<FileHandle | undefined> {
  try {
    await write?.(file);
    if ((await digestOfHandle(file, (await file.stat()).size)) === digest) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

async function adoptFile(path: string, image: string, how: 'moves' | 'copies' | 'links', prepared: string): Promise<void> {
  if (how !== 'copies' && (await moved(path, image, how))) return how === 'moves' ? chmod(image, 0o600) : undefined;
  await copyFile(path, prepared);
  await rename(prepared, image);
  if (how !== 'links') await unlink(path);
}

export function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Of a file of any size. */
export async function digestOfFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await digestOfHandle(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

/** @param size as expected, in bytes: one byte more is read, so that a small file ends in the first read */
async function digestOfHandle(file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size + 1));
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    if (bytesRead === 0 || (bytesRead < buffer.length && at === size)) return hash.digest('hex');
  }
}

/** False on another file system, where the content has to be copied. */
async function moved(path: string, image: string, how: 'moves' | 'links'): Promise<boolean> {
  try {
    await (how === 'links' ? link(path, image) : rename(path, image));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EXDEV') return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
