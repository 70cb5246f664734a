import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Results so far, by \`kind × mode × end\`, and what failed: a run that was interrupted plays what is left. */
export interface State {
  readonly from: number;
  /** Seeds. */
  readonly done: number[];
  readonly counts: Record<string, number>;
  readonly failures: { readonly seed: number; readonly text: string }[];
}

export const freshState = (from: number): State => ({ from, done: [], counts: {}, failures: [] });

export async function readState(path: string, from: number): Promise<State> {
  const fresh = freshState(from);
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
