import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, realpath, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConnectorError } from '@recant/connector';
import { isSystemName } from '@recant/events';
import { codeOf, wrapStoreErrors } from '../failure.ts';
import { AT_ONCE } from '../in-parallel.ts';
import { LOCK_WAIT_MS } from '../limits.ts';
import { createVersions, type VersionOf } from '../state.ts';
import { syncOne } from './durable.ts';
import { createHistory, type History } from './history.ts';
import { createImages, type StoredImages } from './images.ts';
import { type Journal, openJournal } from './journal.ts';
import { createLock } from './lock.ts';
import type { LockedStore } from './locked-store.ts';
import type { Settings } from './record.ts';
import { createRules } from './rules.ts';

/** `ignore`, `exclusive` and the limits default to what is registered (`recant connect filesystem`). */
export interface StoreOptions {
  /** Name under which the system is registered. */
  readonly name: string;
  /** The folder that is captured. */
  readonly root: string;
  /** Folder of images, journal and key, outside the root; `<root>/../.recant-images-<name>` if not given. */
  readonly store?: string;
  readonly fileBytesMax?: number;
  readonly treeEntriesMax?: number;
  readonly watchedEntriesMax?: number;
  readonly lockWaitMs?: number;
  /** Patterns of paths that declared captures leave out: `node_modules`, `*.log`, `build/**`. */
  readonly ignore?: readonly string[];
  /**
   * Folders (`.` is the root) in which nobody writes but tools that declare them: no person, no other program. Changes there are attributed to the
   * attempt, unless another one declared the path at the same time. Everywhere else a change that no handle made is ambiguous.
   */
  readonly exclusive?: readonly string[];
  /** Milliseconds since 1970; the system's clock if not given. */
  readonly now?: () => number;
  /** Files that an inverse writes at once; 16 if not given. */
  readonly filesAtOnce?: number;
  /** Called at named points; fault tests kill the process there. */
  readonly failpoint?: (point: string) => Promise<void> | void;
}

/** One system's images, journal, key and identity, shared by every process that captures or undoes on the root. */
export interface Store {
  /** Distinguishes this root from another one with the same name. */
  identity(): Promise<string>;
  /** Makes these settings those of every process that works on the root. Idempotent. */
  configure(settings: Settings): Promise<void>;
  /** @throws ConnectorError `unreachable | not_prepared | options_invalid` */
  withLock<T>(work: (locked: LockedStore) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

interface Marker {
  readonly version: 1;
  readonly id: string;
  readonly system: string;
  /** Inode of the root: another folder at its path (such as an unmounted volume) is not the system. */
  readonly inode: string;
}

interface Prepared {
  readonly root: string;
  readonly folder: string;
  readonly marker: Marker;
  readonly journal: Journal;
  readonly history: History;
  readonly versionOf: VersionOf;
  readonly images: StoredImages;
}

/** Ends what a killed process had begun; runs under the lock, before any other work. */
export type Recovery = (locked: LockedStore) => Promise<void>;

/** No I/O before the first call. */
export function createStore(options: StoreOptions, recover: Recovery): Store {
  if (!isSystemName(options.name)) throw new ConnectorError('options_invalid', `Invalid system name: ${JSON.stringify(options.name)}.`);
  const folder = resolve(options.store ?? join(dirname(resolve(options.root)), `.recant-images-${options.name}`));
  const lock = createLock(join(folder, 'lock'), options.lockWaitMs ?? LOCK_WAIT_MS);
  const rulesFor = createRules(options);
  const now = options.now ?? Date.now;
  const failpoint = async (point: string) => options.failpoint?.(point);
  let prepared: Prepared | undefined;
  let swept = false;

  async function withLock<T>(work: (locked: LockedStore) => Promise<T>): Promise<T> {
    if (prepared === undefined) await checkLocation(options.root, folder);
    return lock.withLock(async (takenOver) => {
      prepared ??= await wrapStoreErrors('opening', prepare(options, folder));
      await checkRoot(prepared);
      const { journal, history, images, versionOf, root } = prepared;
      if (takenOver || !swept) await wrapStoreErrors('scratch', emptyFolder(join(folder, 'scratch')));
      swept = true;
      await wrapStoreErrors('journal', catchUp(journal, history, images));
      const { fileBytesMax, treeEntriesMax, ...rules } = rulesFor(history.settings);
      const locked: LockedStore = {
        system: options.name,
        readOptions: { root, fileBytesMax, treeEntriesMax },
        images,
        history,
        ...rules,
        filesAtOnce: options.filesAtOnce ?? AT_ONCE,
        now,
        versionOf,
        append: async (record, durable = true) => {
          const contents = images.waiting();
          const { line, contents: lines } = await journal.append(record, durable, contents);
          for (const [index, place] of lines.entries()) images.learn(contents[index]?.digest ?? '', place);
          history.add(record, line);
        },
        sync: journal.sync,
        read: journal.read,
        failpoint,
      };
      await wrapStoreErrors('recovery', recover(locked));
      return work(locked);
    });
  }

  return {
    withLock,
    identity: () => withLock(async () => `filesystem:${prepared?.marker.id}`),
    configure: (settings) =>
      withLock(async ({ history, append }) => {
        if (!isDeepStrictEqual(history.settings, settings)) await append({ k: 'settings', ...settings });
      }),
    async close() {
      await lock.close();
      await prepared?.journal.close();
      prepared = undefined;
    },
  };
}

async function checkLocation(root: string, folder: string): Promise<void> {
  let realRoot: string;
  try {
    realRoot = await realpath(root);
    if (!(await stat(realRoot)).isDirectory()) throw new ConnectorError('options_invalid', `The root ${root} is not a folder.`);
  } catch (cause) {
    if (cause instanceof ConnectorError) throw cause;
    throw new ConnectorError('unreachable', `The root ${root} is unreachable (${codeOf(cause)}).`, { cause });
  }
  await wrapStoreErrors('folder', mkdir(folder, { recursive: true, mode: 0o700 }));
  const realFolder = await realpath(folder);
  if (`${realFolder}${sep}`.startsWith(`${realRoot}${sep}`) || `${realRoot}${sep}`.startsWith(`${realFolder}${sep}`)) {
    throw new ConnectorError(
      'options_invalid',
      `The store ${folder} and the root ${root} must not contain each other. Choose another store.`,
    );
  }
}

/** Under the lock. */
async function prepare(options: StoreOptions, folder: string): Promise<Prepared> {
  const root = await realpath(options.root);
  for (const name of ['images', 'scratch']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  const key = await once(folder, 'key', () => randomBytes(32));
  const inode = String((await stat(root, { bigint: true })).ino);
  const isNew = !(await isThere(join(folder, 'marker.json')));
  const journal = await openJournal(join(folder, 'journal'), isNew);
  const history = createHistory();
  const images = createImages(join(folder, 'images'), join(folder, 'scratch'), journal);
  await catchUp(journal, history, images);
  const id = await journalOf(folder, journal, history, isNew);
  const fresh: Marker = { version: 1, id, system: options.name, inode };
  const marker = JSON.parse((await once(folder, 'marker.json', () => Buffer.from(JSON.stringify(fresh)))).toString()) as Marker;
  await checkOwnership(folder);
  if (marker.version !== 1)
    throw new ConnectorError('not_prepared', `The store ${folder} was made by a newer version of the connector. Update the connector.`);
  if (marker.system !== options.name)
    throw new ConnectorError(
      'options_invalid',
      `The store ${folder} belongs to system ${marker.system}, expected ${options.name}. Choose another store.`,
    );
  if (marker.id !== id)
    throw new ConnectorError('not_prepared', `The journal in ${folder} belongs to another store. Restore both from one backup.`);
  await syncOne(folder);
  return {
    root,
    folder,
    marker,
    journal,
    history,
    versionOf: createVersions(key),
    images,
  };
}

async function catchUp(journal: Journal, history: History, images: StoredImages): Promise<void> {
  for await (const { record, line } of journal.readNew()) {
    if (record.k === 'image') images.learn(record.d, line);
    else history.add(record, line);
  }
}

/** The store's id, which the journal's first record has. A kill between that record and the marker leaves a journal of one record. */
async function journalOf(folder: string, journal: Journal, history: History, isNew: boolean): Promise<string> {
  if (history.store !== undefined && (!isNew || history.lastOrdinal === 0)) return history.store;
  if (!isNew || history.lastOrdinal > 0) {
    const lost = isNew ? 'marker.json' : 'the start of the journal';
    throw new ConnectorError('not_prepared', `The store ${folder} is damaged: ${lost} is missing. Restore it from a backup.`);
  }
  const record = { k: 'opened', store: randomBytes(16).toString('hex') } as const;
  history.add(record, (await journal.append(record, true)).line);
  return record.store;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Write access to the journal is write access as the undoing user, so both must be the same user. */
async function checkOwnership(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder);
  if (process.getuid !== undefined && uid !== process.getuid()) {
    throw new ConnectorError(
      'not_prepared',
      `The store ${folder} is owned by user ${uid}, expected ${process.getuid()}. Capture and undo as the same user.`,
    );
  }
  if ((mode & 0o022) !== 0)
    throw new ConnectorError('not_prepared', `The store ${folder} is writable by other users. Run chmod 700 on it.`);
}

async function checkRoot({ root, folder, marker }: Prepared): Promise<void> {
  const inode = await stat(root, { bigint: true }).then(
    (found) => String(found.ino),
    (error) => codeOf(error),
  );
  if (inode === marker.inode) return;
  throw new ConnectorError(
    'unreachable',
    `The folder ${basename(root)} is not the root that the store ${folder} was made for. Mount the right volume, or register the new folder under another name with another store.`,
  );
}

/** Reads a small file; creates it first, atomically and durably, where it is missing. */
async function once(folder: string, name: string, make: () => Uint8Array): Promise<Buffer> {
  const path = join(folder, name);
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const prepared = join(folder, 'scratch', name);
  const file = await open(prepared, 'w', 0o600);
  try {
    await file.writeFile(make());
    await file.sync();
  } finally {
    await file.close();
  }
  await link(prepared, path);
  await unlink(prepared);
  await syncOne(folder);
  return readFile(path);
}

/** Only the lock's owner writes there, so its files were left by a killed process. */
async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
}
