import type { Operation } from './operations/operation.ts';
import { list, readFile, type Stat, stat } from './operations/read.ts';
import { chmod, mkdir, move, remove } from './operations/tree.ts';
import { append, edit, writeFile } from './operations/write.ts';

/**
 * A folder that captures every change. Paths are relative to the root; nothing outside it is accessible, and links are not followed.
 * Errors are those of node:fs (`code`), or `ConnectorError` where a path or size is refused; then nothing was changed.
 */
export interface Directory {
  readFile(path: string): Promise<Buffer>;
  readFile(path: string, encoding: BufferEncoding): Promise<string>;
  /** Replaces the whole content atomically; creates a missing file. */
  writeFile(path: string, content: string | Uint8Array, options?: { readonly mode?: number }): Promise<void>;
  /** Replaces the one occurrence of `find`. @throws Error `EINVAL` unless there is exactly one. */
  edit(path: string, find: string, replacement: string): Promise<void>;
  append(path: string, content: string | Uint8Array): Promise<void>;
  /** Moves a file, link or folder; replaces a file or a link, never a folder. */
  move(from: string, to: string): Promise<void>;
  /** Removes a file, a link or an empty folder; with `recursive` a folder with its content. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>;
  mkdir(path: string, options?: { readonly recursive?: boolean; readonly mode?: number }): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  list(path: string): Promise<string[]>;
  stat(path: string): Promise<Stat>;
}

export function createDirectory(operation: Operation): Directory {
  async function read(path: string): Promise<Buffer>;
  async function read(path: string, encoding: BufferEncoding): Promise<string>;
  async function read(path: string, encoding?: BufferEncoding): Promise<Buffer | string> {
    const content = await readFile(operation, path);
    return encoding === undefined ? content : content.toString(encoding);
  }
  return {
    readFile: read,
    // `async`, so that an invalid path is a rejection like any other failure.
    writeFile: async (path, content, options) => writeFile(operation, path, content, options?.mode),
    edit: async (path, find, replacement) => edit(operation, path, find, replacement),
    append: async (path, content) => append(operation, path, content),
    move: async (from, to) => move(operation, from, to),
    remove: async (path, options) => remove(operation, path, options?.recursive === true),
    mkdir: async (path, options) => mkdir(operation, path, options ?? {}),
    chmod: async (path, mode) => chmod(operation, path, mode),
    list: async (path) => list(operation, path),
    stat: async (path) => stat(operation, path),
  };
}
