import { note, type Planned, reading } from '../act.ts';
import { inParent } from '../change.ts';
import { systemError } from '../failure.ts';
import { digestOf } from '../images.ts';
import { LIST_READS_MAX } from '../limits.ts';
import { lookOrRefuse, namesIn, readContent } from '../look.ts';
import { childOf, type Path, pathOf, resourceOf } from '../path.ts';
import type { Present } from '../state.ts';
import type { Held } from '../store.ts';
import { type Acting, typeAt } from './acting.ts';

export interface Stat {
  readonly type: 'file' | 'dir' | 'link';
  /** Permission bits; a link has none. */
  readonly mode?: number;
  readonly modifiedMs?: number;
}

/** What was read, and which parts of what that was. Also nothing there is something that was read. */
type Read<T> = (held: Held, path: Path, state: Present) => Promise<{ readonly value: T; readonly entries: readonly Planned[] }>;

async function recorded<T>({ attempt, hold }: Acting, op: string, text: string, read: Read<T>): Promise<T> {
  const path = pathOf(text);
  return hold(async (held) => {
    resourceOf(held.system, path);
    const state = await lookOrRefuse({ ...held.look, content: false }, path);
    if (state === null) {
      await note(held, attempt, [reading(op, path, null, ['e'])], false);
      throw systemError('ENOENT', 'no such file or directory', path);
    }
    const { value, entries } = await read(held, path, state);
    await note(held, attempt, entries, false);
    return value;
  });
}

export function readFile(acting: Acting, text: string): Promise<Buffer> {
  return recorded(acting, 'read', text, async (held, path, state) => {
    if (state.t === 'dir') throw systemError('EISDIR', 'is a directory', path);
    const value = await inParent(held.look.root, path, (folder, name) => readContent(folder.at(name), path, held.look.fileBytesMax));
    return { value, entries: [reading('read', path, state.t === 'file' ? { ...state, c: digestOf(value) } : state, ['e', 'c'])] };
  });
}

export function list(acting: Acting, text: string): Promise<string[]> {
  return recorded(acting, 'list', text, async (held, path, state) => {
    if (state.t !== 'dir') throw systemError('ENOTDIR', 'not a directory', path);
    const names = await namesIn(held.look, path);
    const entries = [reading('list', path, state, ['e'])];
    for (const name of names.slice(0, LIST_READS_MAX)) {
      const child = childOf(path, name);
      entries.push(reading('list', child, await typeAt(held, child), ['e']));
    }
    return { value: names, entries };
  });
}

export function stat(acting: Acting, text: string): Promise<Stat> {
  return recorded(acting, 'stat', text, async (_held, path, state) => ({
    value: { type: state.t, ...(state.t === 'link' ? {} : { mode: state.m, modifiedMs: state.u / 1000 }) },
    entries: [reading('stat', path, state, ['e', 'm'])],
  }));
}
