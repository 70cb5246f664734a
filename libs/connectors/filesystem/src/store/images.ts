import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../failure.ts';

/** Contents by SHA-256, one file each. Never changed, never removed. */
export interface Images {
  /** Durable when it resolves. Idempotent. */
  put(content: Uint8Array): Promise<string>;
  /** Undefined where the image is missing or does not match its digest. */
  get(digest: string): Promise<Buffer | undefined>;
}

export function createImages(folder: string, scratch: string): Images {
  const durable = new Set<string>();
  return {
    async put(content) {
      const digest = digestOf(content);
      if (durable.has(digest)) return digest;
      const parent = join(folder, digest.slice(0, 2));
      const path = join(parent, digest);
      if (!(await exists(path))) {
        if ((await mkdir(parent, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(folder);
        const prepared = join(scratch, randomUUID());
        const file = await open(prepared, 'wx', 0o600);
        try {
          await file.writeFile(content);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(prepared, path);
      }
      // Also for an existing image: its writer may have been killed before the sync.
      await syncFolder(parent);
      durable.add(digest);
      return digest;
    },
    async get(digest) {
      if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
      try {
        const content = await readFile(join(folder, digest.slice(0, 2), digest));
        return digestOf(content) === digest ? content : undefined;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}

export function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
