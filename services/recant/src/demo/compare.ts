/** Compares found and expected state: every cell of every row, every byte and mode of every file. */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, SHOP_TABLES } from './shop.ts';

/** Resource URI → part → value as text; the same resources and parts as in the ledger, so that a difference leads to an attempt. */
export type State = Map<string, Record<string, string>>;

export interface Difference {
  readonly resource: string;
  readonly part: string;
  readonly expected: string | undefined;
  readonly found: string | undefined;
}

/** Rows in key order: dumps of equal data differ in heap order. */
export async function readShop(db: Database, system: string): Promise<State> {
  const state: State = new Map();
  for (const [table, key] of Object.entries(SHOP_TABLES)) {
    const { rows } = await db.query(`SELECT to_jsonb(t) AS data FROM ${table} t ORDER BY ${key.join(', ')}`);
    for (const { data } of rows as { data: Record<string, unknown> }[]) {
      const id = key.map((column) => encodeURIComponent(String(data[column]))).join(',');
      const cells = Object.entries(data).map(([column, value]) => [column, JSON.stringify(value)]);
      state.set(`postgres://${system}/public.${table}/${id}`, { exists: 'row', ...Object.fromEntries(cells) });
    }
  }
  return state;
}

export async function readFolder(root: string, system: string): Promise<State> {
  const state: State = new Map();
  for (const entry of (await readdir(root, { recursive: true, withFileTypes: true })).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    const name = path
      .slice(root.length + 1)
      .split('/')
      .map(encodeURIComponent)
      .join('/');
    const mode = ((await lstat(path)).mode & 0o7777).toString(8);
    const content = entry.isFile()
      ? {
          content: createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        }
      : {};
    state.set(`filesystem://${system}/${name}`, { exists: entry.isFile() ? 'file' : 'directory', mode, ...content });
  }
  return state;
}

/** A resource that one side lacks is one difference (`exists`), not one per cell. */
export function differences(expected: State, found: State): Difference[] {
  const all = [...new Set([...expected.keys(), ...found.keys()])].sort();
  return all.flatMap((resource) => {
    const [want, have] = [expected.get(resource), found.get(resource)];
    const parts = want && have ? [...new Set([...Object.keys(want), ...Object.keys(have)])] : ['exists'];
    return parts
      .filter((part) => want?.[part] !== have?.[part])
      .map((part) => ({ resource, part, expected: want?.[part], found: have?.[part] }));
  });
}

export interface Explained extends Difference {
  readonly reason: string | undefined;
}

/** An attempt that was not undone, by the account, with the parts that it wrote. */
export interface Remaining {
  readonly reason: string;
  readonly wrote: ReadonlySet<string>;
}

export function partKey(resource: string, part: string): string {
  return `${resource}#${part}`;
}

/**
 * The reason for each difference; undefined if the account does not explain it. An attempt that was not undone explains a difference only if the
 * value is the same as before the run.
 */
export function explain(found: readonly Difference[], beforeUndoing: State, remaining: readonly Remaining[]): Explained[] {
  return found.map((difference) => {
    const { resource, part } = difference;
    const unchanged = beforeUndoing.get(resource)?.[part] === difference.found;
    const cause = unchanged ? remaining.find((attempt) => attempt.wrote.has(partKey(resource, part))) : undefined;
    return { ...difference, reason: cause?.reason };
  });
}

export function differenceText(difference: Difference): string {
  if (difference.found === undefined) return 'is missing';
  if (difference.expected === undefined) return 'exists, expected none';
  return `${difference.part} is ${difference.found} instead of ${difference.expected}`;
}
