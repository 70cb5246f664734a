import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scratch } from '@recant/verifier';

/** Scratch space as files in a folder of its own, made when first needed and removed at the end. A killed process leaves it to the system's temporary folder. */
export function scratchFiles(parent: string = tmpdir()): Scratch & AsyncDisposable {
  let folder: Promise<string> | undefined;
  const pathOf = async (partition: number): Promise<string> => {
    folder ??= mkdtemp(join(parent, 'recant-verify-'));
    return join(await folder, String(partition));
  };
  const written = new Set<number>();
  return {
    async append(partition, bytes) {
      written.add(partition);
      const file = await open(await pathOf(partition), 'a', 0o600);
      try {
        await file.writeFile(bytes);
      } finally {
        await file.close();
      }
    },
    async read(partition) {
      return written.has(partition) ? await readFile(await pathOf(partition)) : Buffer.alloc(0);
    },
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true });
    },
  };
}
