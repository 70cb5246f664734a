import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Results so far, by \`kind × mode × end\`, and what failed: a run that was interrupted goes on after its last seed. */
export interface State {
  readonly from: number;
  /** Seeds below are done. */
  next: number;
  readonly counts: Record<string, number>;
  readonly failures: { readonly seed: number; readonly text: string }[];
}

export async function readState(path: string, from: number): Promise<State> {
  const fresh: State = { from, next: from, counts: {}, failures: [] };
  try {
    const known = JSON.parse(await readFile(path, 'utf8')) as State;
    return known.from === from ? known : fresh;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT' || error instanceof SyntaxError) return fresh;
    throw error;
  }
}

export async function writeState(path: string, state: State): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(state));
  await rename(`${path}.new`, path);
}
