import { readFile, rename, writeFile } from 'node:fs/promises';
import { freshState, type State as Played } from '../histories/state.ts';
import type { Counts } from './report.ts';

/** Results so far: a run that was interrupted goes on where it was. */
export interface State {
  readonly from: number;
  /** Of the histories in memory: the next seed. */
  next: number;
  readonly counts: Counts;
  readonly failures: string[];
  /** On PostgreSQL. */
  readonly real: Played;
}

export async function readState(path: string, from: number, isFresh: boolean): Promise<State> {
  const fresh: State = { from, next: from, counts: {}, failures: [], real: freshState(from) };
  if (isFresh) return fresh;
  try {
    const known = JSON.parse(await readFile(path, 'utf8')) as State;
    return known.from === from ? known : fresh;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT' || error instanceof SyntaxError) return fresh;
    throw error;
  }
}

export async function writeState(path: string, state: State): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(state));
  await rename(`${path}.new`, path);
}
