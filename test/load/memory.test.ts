import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { createStore } from '@recant/store';
import { testLedgerDatabase } from '@recant/test-support';
import { expect, onTestFinished, test } from 'vitest';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { startLedgerProcess } from '../faults/ledger-process.ts';

/** The same flood of hostile HTTP requests, again and again: what one round leaves behind, the next does not add to. RECANT_LOAD=all runs the whole load and prints the figures. */
const FULL = process.env.RECANT_LOAD === 'all';
const ROUNDS = FULL ? 20 : 4;
/** Connections of each kind in a round. */
const EACH = FULL ? 100 : 10;
/** Mebibytes of the process, at any time. */
const MIB_MAX = 1_536;
/** Of the later half of the rounds to the earlier one. */
const GROWTH_MAX = 1.25;
const ROUND_MS = 120_000;

const MIB = 1_048_576;
const ZEROS = Buffer.alloc(MIB, 0x30);

interface Caller {
  readonly host: string;
  readonly port: number;
  readonly key: string;
}

const head = (method: string, path: string, { key }: Caller, headers: readonly string[] = []): string =>
  [`${method} ${path} HTTP/1.1`, 'host: a', `authorization: Bearer ${key}`, ...headers, '', ''].join('\r\n');
const posted = (caller: Caller, bytes: number, type = 'application/cloudevents+json'): string =>
  head('POST', '/v1/events', caller, [`content-type: ${type}`, `content-length: ${bytes}`]);

/** What each connection of a kind sends. */
const KINDS: Record<string, (caller: Caller, socket: Socket) => void> = {
  'bodies over the limit': (caller, socket) => {
    socket.write(posted(caller, 12 * MIB));
    for (let n = 0; n < 12; n += 1) socket.write(ZEROS);
  },
  'bodies that stop half-way': (caller, socket) => {
    socket.write(posted(caller, MIB));
    socket.write(ZEROS.subarray(0, MIB / 2));
  },
  'deep JSON': (caller, socket) => {
    socket.write(posted(caller, MIB / 2));
    socket.write(Buffer.alloc(MIB / 2, '['));
  },
  'batches of no events': (caller, socket) => {
    const body = Array.from({ length: 200 }, (_, n) => JSON.stringify({ id: n, data: '0'.repeat(2_000) })).join('\n');
    socket.write(posted(caller, body.length, 'application/x-ndjson'));
    socket.write(body);
  },
  'headers over the limit': (caller, socket) => void socket.write(head('GET', '/v1/attempts', caller, [`x: ${'0'.repeat(60_000)}`])),
  'more requests without a key than one connection may pipeline': (caller, socket) =>
    void socket.write(head('GET', '/v1/attempts', { ...caller, key: 'nobody' }).repeat(1_000)),
  'answers that nobody reads': (caller, socket) => {
    socket.pause();
    socket.write(head('GET', '/v1/openapi.json', caller).repeat(50));
  },
};

const UNANSWERED = new Set(['bodies that stop half-way', 'answers that nobody reads']);

/** Opens EACH connections of each kind at once and waits until all that get an answer have one; drops them. @returns statuses of the answers */
async function flood(caller: Caller): Promise<number[]> {
  const statuses: number[] = [];
  const open = Object.entries(KINDS).flatMap(([kind, send]) =>
    Array.from({ length: EACH }, () => {
      const socket = connect(caller.port, caller.host);
      const over = Promise.withResolvers<void>();
      socket.setEncoding('latin1').on('error', () => {});
      socket.on('close', () => over.resolve());
      socket.on('data', (text: string) => {
        for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) statuses.push(Number(status));
        over.resolve();
      });
      socket.on('connect', () => send(caller, socket));
      return { socket, over: UNANSWERED.has(kind) ? Promise.resolve() : over.promise };
    }),
  );
  await Promise.all(open.map(({ over }) => over));
  await Promise.all(
    open.map(async ({ socket }) => {
      if (socket.closed) return;
      socket.destroy();
      await once(socket, 'close');
    }),
  );
  return statuses;
}

test('V11: memory does not grow from flood to flood, and an honest agent is served after each', {
  timeout: ROUNDS * ROUND_MS,
}, async () => {
  const database = await testLedgerDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'recant-memory-'));
  onTestFinished(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });
  const masterKey = new Uint8Array(32).fill(6);
  const masterKeyFile = join(folder, 'master.key');
  await writeFile(masterKeyFile, masterKey, { mode: 0o600 });
  const store = createStore({ connectionString: database.url, masterKey, shards: 4 });
  onTestFinished(() => store.close());
  const keyOf = (tenant: string) =>
    store.credentials.create({ tenant, roles: ['emit', 'view'], sourcePrefix: 'recant://', agents: ['*'], resources: [] });
  const [hostile, honest] = await Promise.all([keyOf('acme'), keyOf('globex')]);
  const ledger = startLedgerProcess({ databaseUrl: database.url, masterKeyFile, shards: 4 });
  onTestFinished(() => ledger.kill());
  const url = new URL(await ledger.url);
  const caller = { host: url.hostname, port: Number(url.port), key: hostile.apiKey };
  const client = createClient({ url: url.origin, apiKey: honest.apiKey });
  const source = new TestSource('bot');
  const sizes: number[] = [];
  const statuses = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const status of await flood(caller)) statuses.add(status);
    expect((await client.submitEvent(source.intended().bytes)).kind).toBe('appended');
    const kb = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${ledger.pid}/status`, 'utf8'))?.[1];
    sizes.push(Math.round(Number(kb) / 1_024));
  }
  const peakKb = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${ledger.pid}/status`, 'utf8'))?.[1];
  if (FULL) process.stdout.write(`${JSON.stringify({ sizes, peakMib: Math.round(Number(peakKb) / 1_024) })}\n`);
  expect([...statuses].filter((status) => ![200, 400, 401, 404, 408, 413, 429, 431, 503].includes(status))).toEqual([]);
  expect(Number(peakKb) / 1_024).toBeLessThan(MIB_MAX);
  const half = sizes.length / 2;
  expect(Math.max(...sizes.slice(half))).toBeLessThan(GROWTH_MAX * Math.max(...sizes.slice(0, half)));
});
