import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { ConnectorError } from '@recant/connector';
import { codeOf, isWaiting } from './failure.ts';
import { type Folder, type Opened, openFolder } from './folder.ts';
import type { Folders } from './folders.ts';
import { childOf, isOwnName, nameOf, type Path, parentOf, ROOT } from './path.ts';
import type { State } from './state.ts';
import { digestOfFile, type Images } from './store/images.ts';

/** Where paths are. */
export interface Place {
  readonly root: string;
  /** Those of an inverse, which stay open. */
  readonly folders?: Folders;
}

export interface ReadOptions extends Place {
  readonly fileBytesMax: number;
  readonly treeEntriesMax: number;
  /** Stores the contents that are read, up to `fileBytesMax`; durable after a flush and the next durable record. */
  readonly images?: Images;
  /** false: type and mode only. */
  readonly content?: boolean;
  /** true: never throws. Unreadable items are left out. */
  readonly lenient?: boolean;
}

export type ObservedState =
  | { readonly kind: 'state'; readonly state: State /** Taken before the content was read. */; readonly stat?: BigIntStats }
  | { readonly kind: 'unreadable'; readonly reason: string /** Rights are missing at the moment. */; readonly waits: boolean };

/** State at a path now. Absent only where its parent folder could be read. A file over the limit has a digest and no image. */
export async function readState(options: ReadOptions, path: Path): Promise<ObservedState> {
  return withParent(options, path, async (opened) => {
    if (opened.kind === 'moved') return { kind: 'unreadable', reason: `${opened.at} was moved or replaced meanwhile`, waits: false };
    if (opened.kind === 'missing' || opened.kind === 'file') return { kind: 'state', state: null };
    if (opened.kind === 'link') return { kind: 'unreadable', reason: `${opened.at} is a symbolic link and is not followed`, waits: false };
    if (opened.kind === 'unreadable')
      return { kind: 'unreadable', reason: `${opened.at || 'the root'}: ${opened.reason}`, waits: isWaiting(opened.reason) };
    return readStateIn(options, opened.folder, path === ROOT ? '.' : nameOf(path), path);
  });
}

/** Runs `work` with the parent folder of a path; with the root itself for the root. */
export function withParent<T>(place: Place, path: Path, work: (opened: Opened) => Promise<T>): Promise<T> {
  return withFolder(place, parentOf(path), work);
}

export async function withFolder<T>({ root, folders }: Place, path: Path, work: (opened: Opened) => Promise<T>): Promise<T> {
  if (folders !== undefined) return folders.use(path, work);
  const opened = await openFolder(root, path);
  try {
    return await work(opened);
  } finally {
    if (opened.kind === 'folder') await opened.folder.close();
  }
}

/** State of a child of an open folder. @param path named in reasons */
export async function readStateIn(options: ReadOptions, folder: Folder, name: string, path: Path): Promise<ObservedState> {
  const at = folder.at(name);
  try {
    const stat = await lstat(at, { bigint: true });
    if (stat.isSymbolicLink()) return { kind: 'state', stat, state: { t: 'link', l: await readlink(at) } };
    const kept = { m: Number(stat.mode & 0o7777n), u: Number(stat.mtimeNs / 1000n), g: [Number(stat.uid), Number(stat.gid)] as const };
    if (stat.isDirectory()) return { kind: 'state', stat, state: { t: 'dir', ...kept } };
    if (!stat.isFile()) return { kind: 'unreadable', reason: `${path} is not a file, folder or link`, waits: false };
    if (options.content === false) return { kind: 'state', stat, state: { t: 'file', ...kept } };
    return { kind: 'state', stat, state: { t: 'file', c: await contentDigest(options, at, stat.size), ...kept } };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'state', state: null };
    if (error instanceof ConnectorError || codeOf(error) === undefined) throw error;
    return { kind: 'unreadable', reason: `${path}: ${codeOf(error)}`, waits: isWaiting(codeOf(error)) };
  }
}

async function contentDigest({ images, fileBytesMax }: ReadOptions, at: string, size: bigint): Promise<string> {
  if (images === undefined || size > fileBytesMax) return digestOfFile(at);
  return images.put(await readContent(at));
}

export async function readContent(at: string): Promise<Buffer> {
  const file = await open(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** State at a path that must be readable. @throws ConnectorError `capture_refused` */
export async function readStateOrThrow(options: ReadOptions, path: Path): Promise<Extract<ObservedState, { kind: 'state' }>> {
  const seen = await readState(options, path);
  if (seen.kind === 'unreadable') throw new ConnectorError('capture_refused', `Capture failed: ${seen.reason}.`);
  return seen;
}

/**
 * States at and beneath a path, parents before children, names in code unit order. A missing path: one absent state.
 * @throws ConnectorError `too_large | capture_refused | resource_invalid` (a name that is not UTF-8)
 */
export async function readTree(options: ReadOptions, path: Path): Promise<Map<Path, State>> {
  const states = new Map<Path, State>();
  const visit = async (at: Path): Promise<void> => {
    if (states.size >= options.treeEntriesMax && options.lenient !== true) throw tooMany(options, path);
    const seen = await readState(options, at);
    if (seen.kind === 'unreadable' && options.lenient === true) return;
    if (seen.kind === 'unreadable') throw new ConnectorError('capture_refused', `Capture failed: ${seen.reason}.`);
    states.set(at, seen.state);
    if (seen.state?.t === 'dir') for (const name of await namesIn(options, at)) await visit(childOf(at, name));
  };
  await visit(path);
  return states;
}

function tooMany({ treeEntriesMax }: ReadOptions, path: Path): ConnectorError {
  const where = path || 'the root';
  return new ConnectorError(
    'too_large',
    `Folder too large: ${where} has more than ${treeEntriesMax} entries. Move or remove smaller folders, or raise treeEntriesMax.`,
  );
}

/** Names in a folder, without temporary files. @throws ConnectorError `capture_refused | resource_invalid` */
export function namesIn(options: Place & Pick<ReadOptions, 'lenient'>, path: Path): Promise<string[]> {
  return withFolder(options, path, async (opened) => {
    if (opened.kind !== 'folder') {
      if (options.lenient === true) return [];
      throw new ConnectorError('capture_refused', `Not a readable folder: ${path || 'the root'}.`);
    }
    const names = (await readdir(opened.folder.at('.'), { encoding: 'buffer' })).map(decodeName);
    if (names.includes(undefined) && options.lenient !== true) {
      throw new ConnectorError('resource_invalid', `A name in ${path || 'the root'} is not UTF-8. Rename it or exclude the folder.`);
    }
    return names.filter((name) => name !== undefined && !isOwnName(name)).sort() as string[];
  });
}

/** Undefined where the bytes are not UTF-8. */
export function decodeName(bytes: Buffer): string | undefined {
  const name = bytes.toString();
  return Buffer.compare(Buffer.from(name), bytes) === 0 ? name : undefined;
}
