import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { ApiFault } from '@recant/api';

/** Open connections of one process that any caller may use. */
export const CONNECTIONS_SHARED = 1_792;
/** Further connections, for operators: an unproven one makes room for a newer one. */
export const CONNECTIONS_RESERVED = 256;

export interface ConnectionLimits {
  readonly shared: number;
  readonly reserved: number;
}

/** Reserved connections, by their socket. Removed once an operator authenticated on it. */
const unproven = new WeakSet<Socket>();

/**
 * An address may use no more shared connections than are still free: one address at most half, n addresses 1/(n + 1) each. Connections beyond that, and beyond
 * all shared ones, are reserved: they are accepted, but only operators (`requireRoom`) and public routes are answered on them. When all reserved ones are in
 * use, the oldest on which no operator authenticated is closed for the new one: agents cannot lock out the person who stops them.
 */
export function limitConnections(
  server: Server,
  { shared, reserved }: ConnectionLimits = { shared: CONNECTIONS_SHARED, reserved: CONNECTIONS_RESERVED },
): void {
  const sharedByAddress = new Map<string, number>();
  /** In the order of arrival. */
  const reserve = new Set<Socket>();
  let sharedCount = 0;
  // A TLS connection counts once its handshake is complete; the handshake has a time limit.
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const ofAddress = sharedByAddress.get(address) ?? 0;
    if (ofAddress < shared - sharedCount) {
      sharedByAddress.set(address, ofAddress + 1);
      sharedCount += 1;
      socket.once('close', () => {
        sharedCount -= 1;
        const left = (sharedByAddress.get(address) ?? 1) - 1;
        if (left === 0) sharedByAddress.delete(address);
        else sharedByAddress.set(address, left);
      });
      return;
    }
    if (reserve.size >= reserved) {
      const oldest = [...reserve].find((one) => unproven.has(one));
      if (oldest === undefined) return void socket.destroy();
      reserve.delete(oldest);
      oldest.destroy();
    }
    reserve.add(socket);
    unproven.add(socket);
    socket.once('close', () => reserve.delete(socket));
  });
  server.maxConnections = shared + 2 * reserved;
}

/** @throws ApiFault `connections_exhausted` for a caller who is no operator, on a reserved connection */
export function requireRoom(socket: Socket, operator: boolean): void {
  if (!unproven.has(socket)) return;
  if (!operator)
    throw new ApiFault('connections_exhausted', 'Too many connections are open; the rest is reserved for operators.', {
      retryAfterSeconds: 1,
    });
  unproven.delete(socket);
}

/** Whether a connection is reserved and no operator has authenticated on it. */
export const isReserved = (socket: Socket): boolean => unproven.has(socket);
