import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, copyFile, link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../failure.ts';
import { syncAll, syncOne } from './durable.ts';

const CHUNK_BYTES = 1_048_576;
const IS_DIGEST = /^[0-9a-f]{64}$/;

/** Contents by SHA-256, one file each. */
export interface Images {
  /** Durable when it resolves. Idempotent. */
  put(content: Uint8Array): Promise<string>;
  /** Like `put`, but durable only after `flush`. */
  putLater(content: Uint8Array): Promise<string>;
  flush(): Promise<void>;
  /**
   * Makes a file that is about to be replaced, or is removed, the image of its content. Durable after `flush`.
   * @param how `moves`: the path is free afterwards; `copies`: also, but other names of the file stay apart from the image; `links`: the caller replaces
   * the path next
   */
  adopt(path: string, digest: string, how: 'moves' | 'copies' | 'links'): Promise<void>;
  has(digest: string): Promise<boolean>;
  /** Undefined where the image is missing or does not match its digest. */
  get(digest: string): Promise<Buffer | undefined>;
  /** Copies an image to a new file, without reading it into memory; false where it is missing or does not match its digest. */
  copyTo(digest: string, path: string): Promise<boolean>;
}

export function createImages(folder: string, scratch: string): Images {
  const durable = new Set<string>();
  const pending = new Map<string, string>();
  const pathOf = (digest: string) => join(folder, digest.slice(0, 2), digest);
  /** A folder of images was created, and its name is not durable yet. */
  let hasNewFolder = false;
  const syncNewFolder = async () => {
    if (hasNewFolder) await syncOne(folder);
    hasNewFolder = false;
  };
  const folderFor = async (digest: string) => {
    const parent = join(folder, digest.slice(0, 2));
    if ((await mkdir(parent, { recursive: true, mode: 0o700 })) !== undefined) hasNewFolder = true;
  };
  const write = async (digest: string, content: Uint8Array, sync: boolean) => {
    const path = pathOf(digest);
    if (await exists(path)) return;
    await folderFor(digest);
    const prepared = join(scratch, randomUUID());
    const file = await open(prepared, 'wx', 0o600);
    try {
      await file.writeFile(content);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    await rename(prepared, path);
  };
  return {
    async put(content) {
      const digest = digestOf(content);
      if (durable.has(digest)) return digest;
      await write(digest, content, true);
      // Also for an existing image: its writer may have been killed before the sync.
      if (pending.has(digest)) await syncOne(pathOf(digest));
      await syncOne(join(folder, digest.slice(0, 2)));
      await syncNewFolder();
      durable.add(digest);
      return digest;
    },
    async putLater(content) {
      const digest = digestOf(content);
      if (durable.has(digest) || pending.has(digest)) return digest;
      await write(digest, content, false);
      pending.set(digest, pathOf(digest));
      return digest;
    },
    async flush() {
      const digests = [...pending.keys()];
      const folders = [...new Set(digests.map((digest) => join(folder, digest.slice(0, 2))))];
      await syncAll([...pending.values(), ...folders], folder);
      await syncNewFolder();
      for (const digest of digests) durable.add(digest);
      pending.clear();
    },
    async adopt(path, digest, how) {
      const image = pathOf(digest);
      if (await exists(image)) return how === 'links' ? undefined : unlink(path);
      await folderFor(digest);
      pending.set(digest, image);
      await adoptFile(path, image, how, join(scratch, randomUUID()));
    },
    has: (digest) => exists(pathOf(digest)),
    get: (digest) => readImage(pathOf(digest), digest),
    copyTo: (digest, path) => copyImage(pathOf(digest), digest, path),
  };
}

async function readImage(image: string, digest: string): Promise<Buffer | undefined> {
  if (!IS_DIGEST.test(digest)) return undefined;
  try {
    const content = await readFile(image);
    return digestOf(content) === digest ? content : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function copyImage(image: string, digest: string, path: string): Promise<boolean> {
  if (!IS_DIGEST.test(digest) || !(await exists(image))) return false;
  await copyFile(image, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  // Read back from the copy: what is linked into place is what was compared (I7).
  if ((await digestOfFile(path)) !== digest) return false;
  await chmod(path, 0o600);
  return true;
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
    const hash = createHash('sha256');
    const { size } = await file.stat();
    // One byte more, so that a small file ends in the first read that is not full.
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size + 1));
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
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
