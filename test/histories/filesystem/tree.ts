/** Reads a folder by itself: name, type, mode and bytes. Imports no product code. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Item {
  readonly type: 'file' | 'dir';
  readonly mode: number;
  /** Empty for a folder. */
  readonly content: string;
}
/** By path from the root, sorted. */
export type Tree = ReadonlyMap<string, Item>;
export type Part = 'exists' | 'content' | 'mode';
export const PARTS: readonly Part[] = ['exists', 'content', 'mode'];

export async function readTree(root: string): Promise<Map<string, Item>> {
  const tree = new Map<string, Item>();
  for (const path of (await readdir(root, { recursive: true })).sort()) {
    const stat = await lstat(join(root, path));
    const content = stat.isFile() ? (await readFile(join(root, path))).toString('latin1') : '';
    tree.set(path, { type: stat.isDirectory() ? 'dir' : 'file', mode: stat.mode & 0o7777, content });
  }
  return tree;
}

/** Value of a part; undefined where it is absent. */
export function partValue(item: Item | undefined, part: Part): string | undefined {
  if (item === undefined) return undefined;
  if (part === 'exists') return item.type;
  if (part === 'mode') return String(item.mode);
  return item.type === 'file' ? item.content : undefined;
}

export function treeText(tree: Tree): string {
  return [...tree].map(([path, { type, mode, content }]) => `${path} ${type} ${mode.toString(8)} ${JSON.stringify(content)}`).join('\n');
}
