import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, statfs, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectorError } from '@recant/connector';
import { codeOf, wrapStoreErrors } from '../failure.ts';

/** Old generations kept, so that a slow reader of the folder always sees one that existed throughout. */
const GENERATIONS_KEPT = 16;
/** Limit of a socket's path (sun_path, unix(7); 104 on macOS), with its end. */
const SOCKET_PATH_BYTES_MAX = 103;
const FREE = 'free';
const SOCKET = '.owner-';
/** Types of statfs(2) that several kernels can share, where a dead owner cannot be told from one elsewhere: nfs, cifs, smb2, smb, 9p, fuse, ceph, afs, ocfs2, gfs2. */
const SHARED_TYPES: readonly number[] = [
  0x6969, 0xff534d42, 0xfe534d42, 0x517b, 0x01021997, 0x65735546, 0x00c36400, 0x5346414f, 0x7461636f, 0x01161970,
];

/**
 * Mutual exclusion between processes of one kernel, whatever their pid, network and mount namespaces.
 *
 * The highest-numbered file of the folder names the owner: it is a hard link of the owner's listening socket, or of `free`. link(2) creates a generation
 * exactly once; the highest is never removed, so numbers only grow. The kernel closes the socket of a process that ends, however it ends: an owner that
 * refuses connections is dead and superseded. A stopped owner still accepts them.
 */
export interface Lock {
  /** @throws ConnectorError `unreachable` after waiting `waitMs`; `not_prepared` on a file system that several kernels share */
  withLock<T>(work: (takenOver: boolean) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

interface Owner {
  readonly folder: FileHandle;
  readonly server: Server;
  /** Name of the socket in the folder. */
  readonly name: string;
}

export function createLock(folder: string, waitMs: number): Lock {
  let queue: Promise<unknown> = Promise.resolve();
  let owner: Owner | undefined;
  const dismiss = async () => {
    const old = owner;
    owner = undefined;
    if (old === undefined) return;
    // Closing removes the socket's own name; its hard links are dead from here on.
    await new Promise<void>((done) => old.server.close(() => done()));
    await old.folder.close();
  };
  const acquire = async () => {
    if (owner === undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
    owner ??= await listen(folder);
    let waitedMs = 0;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      const highest = await highestIn(folder);
      const state = highest === 0 ? 'free' : await stateOf(folder, owner.folder, String(highest));
      if (state !== 'held') {
        const won = await claim(folder, owner.name, highest + 1);
        if (won === true) return { generation: highest + 1, takenOver: state === 'dead' };
        if (won === undefined) {
          // Another process found this socket before it listened, and removed it.
          await dismiss();
          owner = await listen(folder);
        }
        continue;
      }
      if (waitedMs >= waitMs)
        throw new ConnectorError('unreachable', `Timed out after ${waitMs} ms: another process uses the store ${folder}. Try again.`);
      await sleep(pauseMs);
      waitedMs += pauseMs;
    }
  };
  return {
    withLock(work) {
      const turn = queue.then(async () => {
        const { generation, takenOver } = await wrapStoreErrors('lock', acquire());
        try {
          return await work(takenOver);
        } finally {
          await release(folder, generation).catch(dismiss);
        }
      });
      queue = turn.catch(() => undefined);
      return turn;
    },
    async close() {
      await queue;
      await dismiss();
    },
  };
}

/** A socket that lives as long as this process, under a name of its own. Does not keep the process alive. */
async function listen(folder: string): Promise<Owner> {
  const { type } = await statfs(folder);
  if (SHARED_TYPES.includes(type))
    throw new ConnectorError(
      'not_prepared',
      `The store ${folder} is on a network or FUSE file system (type 0x${type.toString(16)}), where its lock does not reach every process. Choose a store on a local disk.`,
    );
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await removeDead(folder, handle);
    await writeFile(join(folder, FREE), '', { mode: 0o600 });
    const name = `${SOCKET}${randomUUID()}`;
    const server = createServer((socket) => socket.destroy());
    server.unref();
    await new Promise<void>((listening, failed) => {
      server.once('error', failed);
      server.listen(pathOf(handle, folder, name), listening);
    });
    return { folder: handle, server, name };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Short enough for a socket: relative to the open folder where the system has /proc. */
function pathOf(handle: FileHandle, folder: string, name: string): string {
  const path = platform() === 'linux' ? `/proc/self/fd/${handle.fd}/${name}` : join(folder, name);
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  throw new ConnectorError('options_invalid', `The path of the store ${folder} is too long for its lock. Choose a shorter one.`);
}

/** `held`: by somebody alive, also if stopped or too busy to answer. A missing file is no longer the highest, so its number cannot be won. */
async function stateOf(folder: string, handle: FileHandle, name: string): Promise<'held' | 'free' | 'dead'> {
  const stat = await lstat(join(folder, name)).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  if (stat === undefined) return 'dead';
  if (!stat.isSocket()) return 'free';
  return new Promise((answered) => {
    const socket = connect(pathOf(handle, folder, name));
    socket.once('connect', () => {
      socket.destroy();
      answered('held');
    });
    socket.once('error', (error) => answered(['ECONNREFUSED', 'ENOENT'].includes(codeOf(error) ?? '') ? 'dead' : 'held'));
  });
}

/** Undefined: the file to link is gone. */
async function claim(folder: string, name: string, generation: number): Promise<boolean | undefined> {
  try {
    await link(join(folder, name), join(folder, String(generation)));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  if ((await highestIn(folder)) === generation) return true;
  await unlinkIfThere(join(folder, String(generation)));
  return false;
}

/** The next generation is nobody else's, while this process lives. */
async function release(folder: string, generation: number): Promise<void> {
  const free = () => link(join(folder, FREE), join(folder, String(generation + 1)));
  await free().catch(async (error) => {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT') throw error;
    await writeFile(join(folder, FREE), '', { mode: 0o600 });
    await free();
  });
  if (generation % GENERATIONS_KEPT > 1) return;
  for (const old of (await generationsIn(folder)).filter((number) => number <= generation - GENERATIONS_KEPT)) {
    await unlinkIfThere(join(folder, String(old)));
  }
}

/** Own names of sockets that ended processes left. */
async function removeDead(folder: string, handle: FileHandle): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => each.startsWith(SOCKET)))
    if ((await stateOf(folder, handle, name)) === 'dead') await unlinkIfThere(join(folder, name));
}

async function generationsIn(folder: string): Promise<number[]> {
  return (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
}
async function highestIn(folder: string): Promise<number> {
  return (await generationsIn(folder)).reduce((highest, number) => Math.max(highest, number), 0);
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}
