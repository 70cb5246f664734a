import { systemError } from '../../failure.ts';
import { LIST_READS_MAX } from '../../limits.ts';
import { childOf, type Path, pathOf, resourceOf } from '../../path.ts';
import { namesIn, readContent, readStateOrThrow } from '../../read-state.ts';
import type { Present } from '../../state.ts';
import { digestOf } from '../../store/images.ts';
import type { LockedStore } from '../../store/locked-store.ts';
import { inParent } from '../../write-files.ts';
import { type Planned, reading, recordObserved } from '../perform.ts';
import { type Operation, typeAt } from './operation.ts';

export interface Stat {
  readonly type: 'file' | 'dir' | 'link';
  /** Permission bits; a link has none. */
  readonly mode?: number;
  readonly modifiedMs?: number;
}

/** The value read and the entries that record the read. Reading a missing path is recorded too. */
type Read<T> = (locked: LockedStore, path: Path, state: Present) => Promise<{ readonly value: T; readonly entries: readonly Planned[] }>;

async function recorded<T>({ attempt, withLock }: Operation, op: string, text: string, read: Read<T>): Promise<T> {
  const path = pathOf(text);
  return withLock(async (locked) => {
    resourceOf(locked.system, path);
    const { state } = await readStateOrThrow({ ...locked.readOptions, content: false }, path);
    if (state === null) {
      await recordObserved(locked, attempt, [reading(op, path, null, ['e'])], false);
      throw systemError('ENOENT', 'no such file or directory', path);
    }
    const { value, entries } = await read(locked, path, state);
    await recordObserved(locked, attempt, entries, false);
    return value;
  });
}

export function readFile(operation: Operation, text: string): Promise<Buffer> {
  return recorded(operation, 'read', text, async (locked, path, state) => {
    if (state.t === 'dir') throw systemError('EISDIR', 'is a directory', path);
    const value = await inParent(locked.readOptions, path, (folder, name) => readContent(folder.at(name)));
    return { value, entries: [reading('read', path, state.t === 'file' ? { ...state, c: digestOf(value) } : state, ['e', 'c'])] };
  });
}

export function list(operation: Operation, text: string): Promise<string[]> {
  return recorded(operation, 'list', text, async (locked, path, state) => {
    if (state.t !== 'dir') throw systemError('ENOTDIR', 'not a directory', path);
    const names = await namesIn(locked.readOptions, path);
    const entries = [reading('list', path, state, ['e'])];
    for (const name of names.slice(0, LIST_READS_MAX)) {
      const child = childOf(path, name);
      entries.push(reading('list', child, await typeAt(locked, child), ['e']));
    }
    return { value: names, entries };
  });
}

export function stat(operation: Operation, text: string): Promise<Stat> {
  return recorded(operation, 'stat', text, async (_locked, path, state) => ({
    value: { type: state.t, ...(state.t === 'link' ? {} : { mode: state.m, modifiedMs: state.u / 1000 }) },
    entries: [reading('stat', path, state, ['e', 'm'])],
  }));
}
