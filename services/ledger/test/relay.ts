import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What becomes of connections to PostgreSQL: `through`; refused with an error message of the server or by closing; lost in the moment in which a session is
 * ready; at a statement reset, closed or ended with an error message.
 */
export type Fault =
  | 'through'
  | { readonly at: 'connect' | 'ready' | 'statement'; readonly sqlState: string }
  | { readonly at: 'connect' | 'statement'; readonly end: 'reset' | 'close' };

/** Between a service and PostgreSQL. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** For all connections, or for all but the marked ones; closes them. */
  become(fault: Fault, which?: 'all' | 'unmarked'): void;
  readonly struck: number;
}

/** First bytes of messages that run a statement: Query, Parse, Bind. */
const STATEMENTS = [0x51, 0x50, 0x42];
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);

interface Link {
  readonly client: Socket;
  readonly postgres: Socket;
  isMarked: boolean;
}

/** `FATAL` with a SQLSTATE ("ErrorResponse" of the protocol). */
function fatal(sqlState: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0Ended by a test\0\0`);
  const head = Buffer.alloc(5);
  head[0] = 0x45;
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** @param mark in a statement, it marks its connection */
export async function startRelay(postgresPort: number, mark: string): Promise<Relay> {
  let fault: Fault = 'through';
  let sparesMarked = false;
  let struck = 0;
  const links = new Set<Link>();
  const closeLink = (link: Link) => {
    links.delete(link);
    link.client.destroy();
    link.postgres.destroy();
  };
  const strike = (socket: Socket, how: Exclude<Fault, 'through'>, before: Uint8Array = Buffer.alloc(0)) => {
    struck += 1;
    if ('sqlState' in how) socket.end(Buffer.concat([before, fatal(how.sqlState)]));
    else if (how.end === 'reset') socket.resetAndDestroy();
    else socket.end();
  };
  const server = createServer((client) => {
    const postgres = connect(postgresPort, '127.0.0.1');
    const link = { client, postgres, isMarked: false };
    let ready = 0;
    links.add(link);
    for (const socket of [client, postgres]) {
      socket.on('error', () => {});
      socket.on('close', () => closeLink(link));
    }
    const now = (): Fault => (sparesMarked && link.isMarked ? 'through' : fault);
    client.on('data', (bytes) => {
      link.isMarked ||= bytes.includes(mark);
      const current = now();
      const isStatement = STATEMENTS.includes(bytes[0] as number);
      if (current !== 'through' && current.at === 'connect') strike(client, current);
      // After the statements that set a session up.
      else if (current !== 'through' && current.at === 'statement' && ready > 1 && isStatement) strike(client, current);
      else postgres.write(bytes);
    });
    postgres.on('data', (bytes) => {
      if (bytes.subarray(-6, -1).equals(READY)) ready += 1;
      const current = now();
      if (current !== 'through' && current.at === 'ready' && ready === 2) strike(client, current, bytes);
      else client.write(bytes);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    become(next, which = 'all') {
      fault = next;
      sparesMarked = which === 'unmarked';
      for (const link of links) if (!(sparesMarked && link.isMarked)) closeLink(link);
    },
    get struck() {
      return struck;
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) closeLink(link);
      await new Promise((done) => server.close(done));
    },
  };
}
