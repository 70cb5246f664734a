import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What happens to a struck connection. `hold`: nothing passes until `release`. `drop`: half-open; what is sent is lost in both directions, and neither side
 * learns that the other one closed. `reset`: both sides are closed.
 */
export type Action = 'pass' | 'hold' | 'drop' | 'reset';

export interface Rule {
  /** Whether this request is of the operation. */
  matches(request: Buffer): boolean;
  readonly phase: 'before' | 'after';
  readonly skip: number;
  readonly action: Action;
  /** Also the later requests that match, until `release`. */
  readonly repeats: boolean;
  /** Called at the first strike. @param session process id of the PostgreSQL session */
  struck(session: number | undefined): void;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  state: 'open' | 'held' | 'dropped';
  held: (() => void)[];
  /** Requests left to pass before the strike; undefined: none matched yet. */
  left: number | undefined;
  session: number | undefined;
}

/** A TCP proxy before PostgreSQL or Kafka that strikes connections by what is sent over them. */
export class StrikingProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #target: () => number;
  readonly #rewrite: (answer: Buffer, port: number) => Buffer;
  #rule: Rule | undefined;
  #hasStruck = false;
  #port = 0;

  /** @param target port of the server on 127.0.0.1 for new connections */
  constructor(target: () => number, rewrite: (answer: Buffer, port: number) => Buffer = (answer) => answer) {
    this.#target = target;
    this.#rewrite = rewrite;
    this.#server = createServer((client) => this.#accept(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this.#port;
  }

  strike(rule: Rule): void {
    this.#rule = rule;
    this.#hasStruck = false;
    for (const link of this.#links) link.left = undefined;
  }

  /** Ends the rule; what was held passes. Half-open connections stay half-open. */
  release(): void {
    this.#rule = undefined;
    for (const link of this.#links) {
      if (link.state !== 'held') continue;
      link.state = 'open';
      for (const send of link.held.splice(0)) send();
    }
  }

  /** Makes every connection half-open. */
  drop(): void {
    for (const link of this.#links) link.state = 'dropped';
  }

  /** Closes all connections, as a server that dies does. */
  cut(): void {
    for (const link of this.#links) if (link.state === 'open') this.#reset(link);
  }

  async close(): Promise<void> {
    for (const link of this.#links) this.#reset(link);
    await new Promise((closed) => this.#server.close(closed));
  }

  #accept(client: Socket): void {
    const server = connect(this.#target(), '127.0.0.1');
    const link: Link = { client, server, state: 'open', held: [], left: undefined, session: undefined };
    this.#links.add(link);
    for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => {});
    client.on('data', (request) => this.#request(link, request));
    server.on('data', (answer) => {
      link.session ??= sessionIn(answer);
      this.#pass(link, () => client.write(this.#rewrite(answer, this.#port)));
    });
    client.on('close', () => this.#closed(link, server));
    server.on('close', () => this.#closed(link, client));
  }

  #request(link: Link, request: Buffer): void {
    const forward = () => link.server.write(request);
    const rule = this.#rule;
    if (link.state !== 'open' || rule === undefined || !this.#isDue(link, rule, request)) {
      this.#pass(link, forward);
      return;
    }
    link.left = undefined;
    if (rule.phase === 'after') forward();
    this.#act(link, rule.action);
    if (rule.phase === 'before') this.#pass(link, forward);
    if (!this.#hasStruck) {
      this.#hasStruck = true;
      rule.struck(link.session);
    }
  }

  /** Counts down from the first request that matches. */
  #isDue(link: Link, rule: Rule, request: Buffer): boolean {
    if (this.#hasStruck && !rule.repeats) return false;
    if (link.left === undefined && !rule.matches(request)) return false;
    link.left ??= this.#hasStruck ? 0 : rule.skip;
    link.left -= 1;
    return link.left < 0;
  }

  #act(link: Link, action: Action): void {
    if (action === 'hold') link.state = 'held';
    if (action === 'drop') link.state = 'dropped';
    if (action === 'reset') this.#reset(link);
  }

  #pass(link: Link, send: () => void): void {
    if (link.state === 'open') send();
    else if (link.state === 'held') link.held.push(send);
  }

  #closed(link: Link, other: Socket): void {
    if (link.state === 'dropped' && !other.destroyed) return;
    this.#pass(link, () => other.destroy());
    if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
  }

  #reset(link: Link): void {
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
    this.#links.delete(link);
  }
}

/** From PostgreSQL's BackendKeyData: `K`, length 12, process id, secret. */
function sessionIn(answer: Buffer): number | undefined {
  const at = answer.indexOf(BACKEND_KEY);
  return at < 0 || at + 9 > answer.length ? undefined : answer.readInt32BE(at + 5);
}
const BACKEND_KEY = Buffer.from([0x4b, 0, 0, 0, 12]);

/** Brokers tell clients their own address: replaces its port, so that all connections go through the proxy. */
export function announcing(brokerPort: number): (answer: Buffer, port: number) => Buffer {
  const own = addressOf(brokerPort);
  return (answer, port) => {
    for (let at = answer.indexOf(own); at >= 0; at = answer.indexOf(own, at + own.length)) addressOf(port).copy(answer, at);
    return answer;
  };
}

function addressOf(port: number): Buffer {
  const host = Buffer.from('127.0.0.1');
  const number = Buffer.alloc(4);
  number.writeInt32BE(port);
  return Buffer.concat([host, number]);
}
