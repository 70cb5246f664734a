import { connect } from 'node:net';
import type pg from 'pg';

/** Members of pg's client that its type declarations omit, hence the cast below. */
interface Backend {
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly host: string;
  readonly port: number;
}

/** Code of a CancelRequest (PostgreSQL protocol 3.0, "Canceling Requests in Progress"). */
const CANCEL_CODE = 80_877_102;
/** Milliseconds. */
const CANCEL_MS_MAX = 5_000;

/**
 * Asks the server to end the statement that runs on this connection, over a connection of its own; the statement then rejects with SQLSTATE 57014. The request
 * names the session, not the statement: it would end whichever runs next. Await it, and one more round trip, before the connection serves anybody else.
 * @returns whether the server took the request; else the statement ends at its time limit
 */
export function cancelStatement(client: pg.PoolClient): Promise<boolean> {
  const { processID, secretKey, host, port } = client as unknown as Backend;
  if (processID === null || secretKey === null) return Promise.resolve(false);
  const request = Buffer.alloc(16);
  for (const [place, value] of [16, CANCEL_CODE, processID, secretKey].entries()) request.writeInt32BE(value, place * 4);
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    socket.on('error', () => resolve(false));
    socket.setTimeout(CANCEL_MS_MAX, () => {
      resolve(false);
      socket.destroy();
    });
    // The server closes the connection once it has signalled the session.
    socket.on('end', () => resolve(true));
    socket.on('close', () => resolve(false));
    socket.resume();
    socket.write(request);
  });
}
