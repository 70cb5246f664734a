import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface Received {
  readonly id: string;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** Whether one of the receiver's secrets made one of its signatures, checked as docs/webhooks.md says. */
  readonly signed: boolean;
}

/** What a receiver does with a request; the default answers 204. */
export type Behaviour = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

export interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly received: readonly Received[];
  /** Alarm messages by subject, as `started` and `ended`. */
  phasesOf(subject: string): readonly string[];
  behave(behaviour?: Behaviour): void;
  close(): Promise<void>;
}

export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** An HTTP server on loopback that stores what it is sent. @param port of a receiver that comes back */
export async function startReceiver(secret = newSecret(), port = 0): Promise<Receiver> {
  const received: Received[] = [];
  let behaviour: Behaviour | undefined;
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { headers, url = '' } = incoming;
    received.push({ id: String(headers['webhook-id']), path: url, body, headers, signed: isSigned(headers, body, secret) });
    if (behaviour) return behaviour(incoming, outgoing);
    outgoing.writeHead(204).end();
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const { port: own } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${own}/hook`,
    secret,
    received,
    phasesOf: (subject) =>
      received
        .map(({ body }) => JSON.parse(body))
        .filter(({ data }) => data.subject === subject)
        .map(({ type }) => type.replace('alarm.', ''))
        .sort(),
    behave(next) {
      behaviour = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function isSigned(headers: IncomingMessage['headers'], body: string, secret: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures = '' } = headers;
  if (Math.abs(Date.now() / 1_000 - Number(at)) > 300) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  return String(signatures).split(' ').includes(`v1,${expected}`);
}
