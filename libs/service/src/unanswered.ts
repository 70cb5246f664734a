import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

export interface UnansweredLimits {
  /** Requests of one process that may wait for their answers, about 2 kB each. */
  readonly all: number;
  /** Requests of one connection that may wait however many there are, so that others’ pipelines close nobody’s connection. */
  readonly each: number;
}
export const UNANSWERED_LIMITS: UnansweredLimits = { all: 20_000, each: 16 };

/**
 * Requests may follow each other on a connection without waiting for answers (RFC 9112 9.3.2), and 64 kB hold 2,000 of them: without a bound, requests that
 * nobody has authenticated fill the memory. Once `all` wait, a connection with more than `each` of them is closed, without an answer: every answer would wait for
 * those before it.
 */
export function limitUnanswered(app: RequestListener, { all, each }: UnansweredLimits = UNANSWERED_LIMITS): RequestListener {
  /** Unanswered requests by their connection. */
  const open = new Map<Socket, number>();
  let total = 0;

  function count(socket: Socket, change: 1 | -1): void {
    const before = open.get(socket);
    if (before === undefined) return;
    total += change;
    open.set(socket, before + change);
  }

  function follow(socket: Socket): void {
    open.set(socket, 0);
    socket.once('close', () => {
      total -= open.get(socket) ?? 0;
      open.delete(socket);
    });
  }

  return (request, response) => {
    const { socket } = request;
    // What came in the same packet as the request that closed it.
    if (socket.destroyed) return;
    if (!open.has(socket)) follow(socket);
    if (total >= all && (open.get(socket) ?? 0) >= each) return void socket.destroy();
    count(socket, 1);
    response.once('close', () => count(socket, -1));
    app(request, response);
  };
}
