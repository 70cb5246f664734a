import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Errand } from './killed.ts';

/** @param folder for the errand. True: killed at the point; false: it never came by that often. */
export async function killErrand(folder: string, errand: Errand): Promise<boolean> {
  const file = join(folder, 'errand.json');
  await writeFile(file, JSON.stringify(errand));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'killed.ts'), file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the child ended with ${code ?? signal}`);
  return signal === 'SIGKILL';
}
