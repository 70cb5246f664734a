import type { Stats } from 'node:fs';
import { ConnectorError } from '@recant/connector';
import { RACY_MS } from '../limits.ts';
import { isWithin, type Path } from '../path.ts';
import { readState } from '../read-state.ts';
import { type Present, type State, sameState } from '../state.ts';
import { digestOf } from '../store/images.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Known, Unnamed } from '../store/record.ts';
import { type Found, inodeOf, scan, statIdOf } from './scan.ts';
import { createUnnamed } from './unnamed.ts';

/** What a look found different from the last record. */
export interface Seen {
  readonly changed: Map<Path, Known>;
  readonly links: readonly Path[];
  readonly unnamed: Unnamed;
  /** There was more than `changesMax`. */
  readonly isCut: boolean;
}

export interface LookOptions {
  /** Stores contents as images; they are durable after a flush. */
  readonly stores: boolean;
  /** true: never throws. */
  readonly lenient?: boolean;
  readonly changesMax?: number;
}

/**
 * Compares everything at and beneath these paths with the last record. Contents are read only where the stat identity differs or is in doubt, so the time
 * follows what changed, plus one lstat(2) for each entry.
 */
export async function look(locked: LockedStore, paths: readonly Path[], options: LookOptions): Promise<Seen> {
  const { known } = locked.history;
  const present = new Set<Path>();
  const doubtful: Found[] = [];
  const links: Path[] = [];
  const visit = (found: Found) => {
    if (present.has(found.path)) return;
    present.add(found.path);
    if (found.stat.isSymbolicLink()) links.push(found.path);
    if (!isSame(known.get(found.path), found.stat)) doubtful.push(found);
  };
  const counted = { entries: 0 };
  const unnamed = createUnnamed();
  for (const path of paths) {
    try {
      await scan(locked, path, { visit, visitUnnamed: unnamed.add }, counted);
    } catch (error) {
      if (options.lenient !== true || !(error instanceof ConnectorError)) throw error;
    }
  }
  const changed = new Map<Path, Known>();
  for (const found of doubtful) {
    if (options.changesMax !== undefined && changed.size >= options.changesMax)
      return { changed, links, unnamed: unnamed.all, isCut: true };
    const now = await readFound(locked, found, options);
    if (now !== undefined) changed.set(found.path, now);
  }
  for (const path of known.keys())
    if (!present.has(path) && !locked.isIgnored(path) && paths.some((folder) => isWithin(path, folder))) {
      const gone = await readState({ ...locked.readOptions, content: false }, path);
      if (gone.kind === 'state' && gone.state === null) changed.set(path, { s: null });
    }
  return { changed, links, unnamed: unnamed.all, isCut: false };
}

function isSame(known: Known | undefined, stat: Stats): boolean {
  if (known === undefined || known.s === null) return false;
  if (known.s.t === 'dir') return stat.isDirectory() && known.s.m === (stat.mode & 0o7777);
  return known.d !== undefined && known.d === statIdOf(stat);
}

/** Undefined: it went away, or changed while it was read and is the same as recorded. */
async function readFound(locked: LockedStore, { path, stat }: Found, { stores, lenient }: LookOptions): Promise<Known | undefined> {
  const reading = { ...locked.readOptions, ...(stores ? { images: locked.images } : {}) };
  const readMs = locked.now();
  let seen: Awaited<ReturnType<typeof readState>>;
  try {
    seen = await readState(reading, path);
  } catch (error) {
    if (lenient !== true) throw error;
    return undefined;
  }
  const state = seen.kind === 'state' ? seen.state : unreadableState(stat);
  const before = locked.history.known.get(path);
  if (state === null) return before === undefined ? undefined : { s: null };
  // Times are of the look, the content is read after it: a change in between has a new identity at the next look.
  const isRacy = readMs - stat.ctimeMs < RACY_MS || stat.isDirectory();
  const now: Known = { s: state, ...(stat.isFile() ? { i: inodeOf(stat) } : {}), ...(isRacy ? {} : { d: statIdOf(stat) }) };
  return before !== undefined && isEqual(before, now) ? undefined : now;
}

const isEqual = (one: Known, other: Known): boolean =>
  sameState(one.s, other.s) && one.i === other.i && one.d === other.d && timeOf(one.s) === timeOf(other.s);
const timeOf = (state: State): number | undefined => (state?.t === 'file' ? state.u : undefined);

/** A file that this user may not read can still be moved and removed: its identity stands for its content. */
function unreadableState(stat: Stats): Present | null {
  const kept = { m: stat.mode & 0o7777, u: Math.floor(stat.mtimeMs * 1_000), g: [stat.uid, stat.gid] as const };
  if (stat.isDirectory()) return { t: 'dir', ...kept };
  return stat.isFile() ? { t: 'file', c: digestOf(Buffer.from(statIdOf(stat))), ...kept } : null;
}
