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
 * Asks the server to end the statement that runs on this connection, over a connection of its own; the statement then rejects with SQLSTATE 57014. Best
 * effort: a statement that has just ended is not affected, and a server that cannot be reached ends it at its time limit. The request carries no data.
 */
export function cancelStatement(client: pg.PoolClient): void {
  const { processID, secretKey, host, port } = client as unknown as Backend;
  if (processID === null || secretKey === null) return;
  const request = Buffer.alloc(16);
  for (const [place, value] of [16, CANCEL_CODE, processID, secretKey].entries()) request.writeInt32BE(value, place * 4);
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  socket.on('error', () => {});
  socket.setTimeout(CANCEL_MS_MAX, () => socket.destroy());
  socket.end(request);
}
