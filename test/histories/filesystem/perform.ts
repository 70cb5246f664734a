/** Performs operations as any program would. Imports no product code. */
import { chmod, lstat, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Op } from './script.ts';

/** False: the operation failed and changed nothing. */
export async function perform(root: string, op: Op): Promise<boolean> {
  const at = join(root, op.path);
  try {
    if (op.kind === 'remove') await rm(at, { recursive: true });
    else if (op.kind === 'chmod') await chmod(at, op.mode);
    else if (op.kind === 'mkdir') await mkdir(at);
    else if (op.kind === 'move') await moveFile(at, join(root, op.to));
    else await save(at, op.content, op.byRename);
    return true;
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== 'string') throw error;
    return false;
  }
}

async function moveFile(from: string, to: string): Promise<void> {
  if ((await lstat(from)).isDirectory() || from === to) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
  await rename(from, to);
}

export async function save(at: string, content: string, byRename: boolean): Promise<void> {
  if (!byRename) return writeFile(at, content);
  await stat(dirname(at));
  const beside = `${dirname(at)}/../.saving-${process.pid}`;
  await writeFile(beside, content);
  await rename(beside, at);
}
