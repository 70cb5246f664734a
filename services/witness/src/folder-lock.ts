import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * One process a folder: the lock is a listening local socket, which the system drops with the process, however that one ends. On Linux it has no
 * file (abstract); elsewhere a file that nobody listens behind is taken over.
 * @param path absolute and without links. @throws Error in one line
 */
export async function lockFolder(path: string): Promise<() => Promise<void>> {
  const name = `recant-witness-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  const address = process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`);
  const server = (await listenOn(address)) ?? (await takeOver(address));
  if (!server) throw new Error(`a witness already runs in ${path}: use that one, or give this one another folder`);
  return () => new Promise((done) => server.close(() => done()));
}

async function takeOver(address: string): Promise<Server | undefined> {
  if (address.startsWith('\0') || (await isAnswered(address))) return undefined;
  await unlink(address).catch(() => undefined);
  return listenOn(address);
}

function listenOn(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(address, () => {
      // It keeps nobody alive.
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
