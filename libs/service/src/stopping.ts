import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

/** Of each connection, aborted when its listener stops. */
const signals = new WeakMap<Socket, AbortSignal>();

/** @param stopping aborted when the server stops */
export function markStopping(server: Server, stopping: AbortSignal): void {
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => signals.set(socket, stopping));
}

/** For answers that would go on for long. Undefined: the connection is not of `listen`. */
export const stoppingOf = (socket: Socket): AbortSignal | undefined => signals.get(socket);
