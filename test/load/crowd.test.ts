import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from '../../services/ledger/test/harness.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';

/**
 * One tenant's readers at the load of the reported lock-outs: pipelined evidence reads, abandoned lists, connections with one request each. The other tenant is
 * answered, nobody gets a 500, the operator is let in. A sample always runs; RECANT_LOAD=all runs the whole load and prints the figures.
 */
const FULL = process.env.RECANT_LOAD === 'all';
const PIPELINED = FULL ? 4_000 : 400;
const LISTS = FULL ? { connections: 100, each: 20 } : { connections: 10, each: 20 };
const CONNECTIONS = FULL ? 2_048 : 1_000;
const APPENDS = FULL ? 100 : 20;
/** Reads of one key that may wait for their turn. */
const WAITING_OF_KEY = 256;
const PATIENCE_MS = FULL ? 600_000 : 60_000;

let ledger: RunningLedger;
let viewer: string;
let second: string;
let other: string;
const open = new Set<Socket>();
const figures: Record<string, number> = {};

beforeAll(async () => {
  ledger = await startLedger();
  viewer = (await ledger.makeKey({ roles: ['view'], agents: [] })).apiKey;
  second = (await ledger.makeKey({ roles: ['view'], agents: [] })).apiKey;
  other = (await ledger.makeKey({ tenant: 'globex' })).apiKey;
  for (let n = 0; n < 20; n += 1) await ledger.post(new TestSource('bot').intended().bytes);
});
afterAll(async () => {
  for (const socket of open) socket.destroy();
  if (FULL) process.stdout.write(`${JSON.stringify(figures)}\n`);
  await ledger.stop();
});

const requestOf = (path: string, key = viewer): string => `GET ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\n\r\n`;

/** Statuses of what is answered on this connection, as they arrive. */
async function dial(): Promise<{ socket: Socket; statuses: number[]; codes: string[] }> {
  const { hostname, port } = new URL(ledger.url);
  const socket = connect(Number(port), hostname);
  open.add(socket);
  const statuses: number[] = [];
  const codes: string[] = [];
  socket.setEncoding('latin1').on('error', () => {});
  let unfinished = '';
  socket.on('data', (text: string) => {
    // A chunk may end in the middle of what is looked for, which has no line break.
    const lines = (unfinished + text).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) {
      for (const [, code = ''] of line.matchAll(/"code":"(\w+)"/g)) codes.push(code);
      for (const [, status] of line.matchAll(/HTTP\/1\.1 (\d{3})/g)) statuses.push(Number(status));
    }
  });
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return { socket, statuses, codes };
}

/** Appends of the other tenant, one after another. @returns their 99th percentile in milliseconds */
async function appendsOfOther(): Promise<number> {
  const source = new TestSource('bot');
  const times: number[] = [];
  for (let n = 0; n < APPENDS; n += 1) {
    const startedAt = performance.now();
    expect((await ledger.post(source.intended().bytes, { key: other })).status).toBe(201);
    times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] ?? 0;
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
}

const until = (done: () => boolean) => expect.poll(done, { timeout: PATIENCE_MS, interval: 20 }).toBe(true);

test('V4: pipelined evidence reads of two keys are answered in fair shares, the rest refused by name; the other tenant and the operator are served meanwhile', {
  timeout: 2 * PATIENCE_MS,
}, async () => {
  const reads = ['/v1/tlog/0/checkpoint', '/v1/attempts'];
  const readers = await Promise.all([viewer, second].map(async (key) => ({ key, ...(await dial()) })));
  for (const { key, socket } of readers) socket.write(reads.map((path) => requestOf(path, key).repeat(PIPELINED / 2)).join(''));
  [figures.v4AppendP99Ms, figures.v4KeysListMs] = await Promise.all([appendsOfOther(), timed(ledger.operator.keys())]);
  await until(() => readers.every(({ statuses }) => statuses.length === PIPELINED));
  for (const { statuses, codes } of readers) {
    expect(statuses.filter((status) => ![200, 404, 429].includes(status))).toEqual([]);
    expect([...new Set(codes)].filter((code) => !['not_published', 'too_many_requests_open', 'overloaded'].includes(code))).toEqual([]);
    // Each key has a queue of its own, full before anything is refused. What was admitted to it is answered, except by a store that is slower than its wait.
    const refused = codes.filter((code) => code === 'too_many_requests_open').length;
    expect(refused).toBeLessThanOrEqual(PIPELINED - WAITING_OF_KEY);
  }
  const [fewest = 0, most = 0] = readers
    .map(({ statuses }) => statuses.filter((status) => status !== 429).length)
    .toSorted((a, b) => a - b);
  expect(fewest).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(2 * fewest);
  expect((await ledger.client(viewer).attempts({})).items.length).toBeGreaterThan(0);
});

test('V5: abandoned lists end with their connections and hold nobody up', { timeout: 2 * PATIENCE_MS }, async () => {
  const all = await Promise.all(Array.from({ length: LISTS.connections }, dial));
  for (const { socket } of all) socket.write(requestOf('/v1/sources?totals=true').repeat(LISTS.each));
  await until(() => all.some(({ statuses }) => statuses.length > 0));
  for (const { socket } of all) socket.destroy();
  [figures.v5AppendP99Ms, figures.v5ListMs] = await Promise.all([appendsOfOther(), timed(ledger.client(viewer).sources())]);
});

test('V7: a crowd of connections locks neither the operator nor the other tenant’s open connection out', {
  timeout: 2 * PATIENCE_MS,
}, async () => {
  expect((await ledger.post(new TestSource('bot').intended().bytes, { key: other })).status).toBe(201);
  const crowd: Awaited<ReturnType<typeof dial>>[] = [];
  for (let n = 0; n < CONNECTIONS; n += 1) {
    crowd.push(await dial());
    crowd.at(-1)?.socket.write(requestOf('/v1/attempts'));
  }
  for (let n = 0; n < 8; n += 1) {
    const startedAt = performance.now();
    const answered = await ledger.client((await ledger.makeKey({ roles: ['administer'], agents: [] })).apiKey).keys();
    expect(answered.length).toBeGreaterThan(0);
    figures.v7KeysListMs = Math.max(figures.v7KeysListMs ?? 0, performance.now() - startedAt);
  }
  expect(crowd.flatMap(({ statuses }) => statuses).filter((status) => ![200, 429, 503].includes(status))).toEqual([]);
});

test('the log has no error, and every log is sound', async () => {
  expect(ledger.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  expect(await ledger.audit()).toEqual([]);
});
