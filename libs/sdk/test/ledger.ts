import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeEvent, type EventType, formatApiKey, partDigest, type RecantEvent, splitBatch } from '@recant/events';
import type { FreezeRule } from '../src/permission/freeze-rule.ts';

/** A real HTTP server that answers like the ledger, stores events in memory, and checks that producers send consecutive sequence numbers. */
export interface FakeLedger {
  readonly url: string;
  /** The only accepted key. */
  apiKey: string;
  /** Accepted events, in order, without duplicates. */
  readonly events: RecantEvent[];
  readonly parts: Map<string, Uint8Array>;
  /** Number of bodies received and of events in them, including repetitions. */
  readonly received: { requests: number; events: number };
  /** Types of the events of each body, as received. */
  readonly batches: string[][];
  /** Violations of a producer's obligations. */
  readonly violations: string[];
  readonly traceparents: (string | undefined)[];
  mode: Mode;
  /** Epoch of the log, and the number of its covered events. */
  durability: { epoch: number; covered: number };
  /** Number of `GET /v1/durability` requests. */
  asked: number;
  /** Answer of `POST /v1/lease`; `undefined` if there is none. */
  lease: { version: number; leaseMs: number; freezes: readonly FreezeRule[] } | undefined;
  /** Restores an older copy: only the first `events` events, and no parts. */
  restore(events: number): void;
  of<T extends EventType>(type: T): Extract<RecantEvent, { type: T }>[];
  /** Resolves once the condition is true; checked after each request. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** `lost`: accepts the events, then closes the connection without an answer. */
export type Mode =
  | { readonly kind: 'up' }
  | { readonly kind: 'down' }
  | { readonly kind: 'busy'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refuse'; readonly status: number }
  | { readonly kind: 'refuse_event'; readonly id: (id: string) => boolean }
  | { readonly kind: 'nonsense' };

export async function startLedger(): Promise<FakeLedger> {
  const taken = new Map<string, { bytes: string; index: number }>();
  const sequences = new Map<string, number>();
  let watchers: (() => void)[] = [];
  const ledger: Omit<FakeLedger, 'url' | 'close'> = {
    apiKey: formatApiKey({ keyId: 'test', secret: new Uint8Array(32).fill(7) }),
    events: [],
    parts: new Map(),
    received: { requests: 0, events: 0 },
    batches: [],
    violations: [],
    traceparents: [],
    mode: { kind: 'up' },
    durability: { epoch: 1, covered: 0 },
    asked: 0,
    lease: { version: 0, leaseMs: 5_000, freezes: [] },
    restore(events) {
      for (const { source, id } of ledger.events.splice(events)) taken.delete(`${source} ${id}`);
      sequences.clear();
      for (const { source, sequence } of ledger.events) sequences.set(source, Number(sequence));
      ledger.parts.clear();
    },
    of: (type) => ledger.events.filter((event) => event.type === type) as never,
    async until(condition) {
      while (!condition()) await new Promise<void>((resolve) => watchers.push(resolve));
    },
  };

  const take = (bytes: Uint8Array): object => {
    const decoded = decodeEvent(bytes);
    if (!decoded.ok) return { kind: 'refused', code: decoded.code, detail: decoded.detail };
    const { event } = decoded;
    if (ledger.mode.kind === 'refuse_event' && ledger.mode.id(event.id))
      return { kind: 'refused', code: 'agent_not_allowed', detail: 'no' };
    const key = `${event.source} ${event.id}`;
    const text = Buffer.from(bytes).toString();
    const known = taken.get(key);
    if (known !== undefined) {
      if (known.bytes !== text) ledger.violations.push(`other bytes under ${key}`);
      return { id: event.id, kind: 'duplicate', shard: 0, index: known.index };
    }
    const expected = (sequences.get(event.source) ?? 0) + 1;
    if (Number(event.sequence) !== expected) ledger.violations.push(`${key} has sequence ${event.sequence}, expected ${expected}`);
    sequences.set(event.source, Number(event.sequence));
    for (const digest of [...text.matchAll(/"digest":"([0-9a-f]{64})","salt"/g)].map(([, found]) => found as string)) {
      if (!ledger.parts.has(digest)) ledger.violations.push(`${key} names part ${digest} before it came`);
    }
    taken.set(key, { bytes: text, index: taken.size });
    ledger.events.push(event);
    return { id: event.id, kind: 'appended', shard: 0, index: taken.size - 1 };
  };

  const handle = (request: IncomingMessage, body: Uint8Array): [number, unknown, Record<string, string>?] => {
    const { mode } = ledger;
    if (mode.kind === 'busy')
      return [mode.status, { code: 'overloaded' }, mode.retryAfter === undefined ? {} : { 'retry-after': mode.retryAfter }];
    if (mode.kind === 'refuse')
      return [mode.status, { code: 'unauthenticated', detail: 'The key is not known.', action: 'Make a new one.' }];
    if (mode.kind === 'nonsense') return [200, '<html>'];
    if (request.headers.authorization !== `Bearer ${ledger.apiKey}`) return [401, { code: 'unauthenticated' }];
    if (request.url === '/v1/lease') {
      const { applied } = JSON.parse(Buffer.from(body).toString()) as { applied: number };
      return ledger.lease === undefined
        ? [503, { code: 'overloaded' }]
        : [200, { ...ledger.lease, granted: applied >= ledger.lease.version }];
    }
    if (request.method === 'GET') {
      const { searchParams } = new URL(request.url as string, 'http://ledger');
      const index = taken.get(`${searchParams.get('source')} ${searchParams.get('id')}`)?.index;
      const { epoch, covered } = ledger.durability;
      return [
        200,
        { shard: 0, epoch, start: 0, ...(index === undefined ? {} : { index }), covered: index !== undefined && index < covered },
      ];
    }
    if (request.method === 'PUT') {
      const digest = (request.url as string).split('/').at(-1) as string;
      const salt = Buffer.from(String(request.headers['recant-salt']), 'base64url');
      if (partDigest(salt, body) !== digest) ledger.violations.push('a part has another digest');
      ledger.parts.set(digest, body);
      return [204, undefined];
    }
    const split = splitBatch(body);
    if (!split.ok) return [400, { code: split.code, detail: split.detail }];
    ledger.received.events += split.events.length;
    ledger.batches.push(split.events.map((item) => (JSON.parse(Buffer.from(item).toString()) as { type: string }).type));
    const after = request.headers['recant-after'] as string | undefined;
    const has = ({ source }: { source: string }): boolean => after === undefined || taken.has(`${source} ${after}`);
    const behind = { kind: 'refused', code: 'log_behind_source', detail: `no ${after}`, action: 'Send all again.' };
    return [200, { receipts: split.events.map((item) => (has(JSON.parse(Buffer.from(item).toString())) ? take(item) : behind)) }];
  };

  const server = createServer((request, response) => {
    if (ledger.mode.kind === 'down') {
      request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'GET') ledger.asked += 1;
      else if (request.url !== '/v1/lease') ledger.received.requests += 1;
      if (request.url !== '/v1/lease') ledger.traceparents.push(request.headers.traceparent as string | undefined);
      const [status, body, headers] = handle(request, new Uint8Array(Buffer.concat(chunks)));
      if (ledger.mode.kind === 'lost') request.socket.destroy();
      else response.writeHead(status, headers).end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
      for (const watch of watchers.splice(0)) watch();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(ledger, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      watchers = [];
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
