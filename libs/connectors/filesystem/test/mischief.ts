import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Directory } from '../src/index.ts';

/** One of every kind of change, on the folder that the fault tests lay out. */
export async function mischief(handle: Directory, root: string): Promise<void> {
  await handle.writeFile('a/one', 'rewritten');
  await handle.writeFile('a/new', 'new');
  await handle.move('a/deep', 'b/moved');
  await handle.remove('c', { recursive: true });
  await handle.mkdir('d/e', { recursive: true });
  await handle.chmod('b', 0o500);
  await writeFile(join(root, 'declared'), 'not by the handle');
}
