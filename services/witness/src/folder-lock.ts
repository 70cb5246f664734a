import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Locks a folder for one process by a listening local socket, which the system closes with the process. On Linux the socket is abstract (no file);
 * elsewhere a stale socket file is replaced.
 * @param path absolute, symbolic links resolved. @throws Error in one line
 */
export async function lockFolder(path: string): Promise<() => Promise<void>> {
  const name = `recant-witness-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  const address = process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`);
  const server = (await listenOn(address)) ?? (await replaceStale(address));
  if (!server) throw new Error(`a witness already runs in ${path}: use that one, or choose another folder`);
  return () => new Promise((done) => server.close(() => done()));
}

async function replaceStale(address: string): Promise<Server | undefined> {
  if (address.startsWith('\0') || (await isAnswered(address))) return undefined;
  await unlink(address).catch(() => undefined);
  return listenOn(address);
}

function listenOn(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(address, () => {
      // Does not keep the process alive.
      server.unref();
      resolve(server);
    });
  });
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
