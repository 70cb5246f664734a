import { randomBytes } from 'node:crypto';
import { LEDGER_ROUTES } from '@recant/api';
import { type TestDatabase, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';
import { type Fault, type Relay, startRelay } from './relay.ts';

let database: TestDatabase;
let relay: Relay;
let ledger: RunningLedger;
/** Of a caller with all roles. */
let key: string;
beforeAll(async () => {
  database = await testLedgerDatabase();
  const url = new URL(database.url);
  relay = await startRelay(Number(url.port), LOOK_UP);
  url.port = String(relay.port);
  ledger = await startLedger({ databaseUrl: url.href, masterKey: randomBytes(32) });
  key = (await ledger.makeKey({ roles: ['emit', 'view', 'export', 'unseal', 'administer'] })).apiKey;
});
afterAll(async () => {
  relay?.become('through');
  await ledger?.stop();
  await relay?.[Symbol.asyncDispose]();
  await database?.drop();
});

const FAULTS: readonly Fault[] = [
  ...['57P03', '53300', '28P01', '3D000'].map((sqlState) => ({ at: 'connect', sqlState }) as const),
  { at: 'connect', end: 'reset' },
  { at: 'connect', end: 'close' },
  { at: 'ready', sqlState: '57P01' },
  ...['57P01', '57P02', '08006', '25P03', '57014', '40001', '55P03', '25006', '58030'].map(
    (sqlState) => ({ at: 'statement', sqlState }) as const,
  ),
  { at: 'statement', end: 'reset' },
  { at: 'statement', end: 'close' },
];
/** In the look-up of a key. With it out of order no operation goes further: it is spared in a second round; a freeze is shown over the same connections. */
const LOOK_UP = 'recant-find-keys';
/** Without a statement of their own: `reachTopics` asks the readers of topics, which this ledger has not. */
const WITHOUT_STORE = ['getVkeys', 'reachTopics'];
const UUID = '018f0000-0000-7000-8000-000000000001';

type Request = readonly [operation: string, method: string, path: string, body?: Uint8Array | string];

/** Every reading operation of the ledger, and the writing ones of each part of the store. */
function requests(): readonly Request[] {
  const values: Readonly<Record<string, string>> = { ...{ shard: '0', path: '0/000', digest: 'f'.repeat(64), subject: 's' } };
  const reading = LEDGER_ROUTES.filter(({ method }) => method === 'get').map(({ operationId, path }): Request => {
    const query = operationId === 'getDurability' ? '?source=recant://bot/one&id=opened' : '';
    return [operationId, 'GET', path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? UUID) + query];
  });
  const made = JSON.stringify({ roles: ['view'], agents: [], resources: [], sourcePrefix: 'recant://' });
  return [
    ...reading.filter(([operation]) => !WITHOUT_STORE.includes(operation)),
    ['submitEvents', 'POST', '/v1/events', new TestSource('lost').intended().bytes],
    ['createKey', 'POST', '/v1/keys', made],
    ['revokeKey', 'DELETE', '/v1/keys/abcd'],
  ];
}

async function answersOf(fault: Fault, which: 'all' | 'unmarked'): Promise<Record<string, unknown>> {
  relay.become(fault, which);
  const answers: Record<string, unknown> = {};
  for (const [operation, method, path, body] of requests()) {
    const type = operation === 'submitEvents' ? 'application/cloudevents+json' : 'application/json';
    const headers = { authorization: `Bearer ${key}`, 'content-type': type };
    const response = await fetch(`${ledger.url}${path}`, { method, headers, ...(body && { body: body as Uint8Array<ArrayBuffer> }) });
    answers[operation] = `${response.status} ${((await response.json()) as { code?: string }).code}`;
  }
  return answers;
}

test.each(FAULTS.map((fault) => [JSON.stringify(fault), fault] as const))(
  'I4: with every session lost by %s, every operation is a 503 that says so, and goes on afterwards',
  async (_, fault) => {
    for (const which of ['all', 'unmarked'] as const) {
      relay.become('through');
      await waitUntil(async () => (await ledger.post(new TestSource('lost').opened())).status === 201);
      const answers = await answersOf(fault, which);
      if (which === 'unmarked') delete answers.showFreeze;
      const others = Object.entries(answers).filter(([, answer]) => answer !== '503 store_unavailable');
      expect(others.map((one) => one.join(' ')).join()).toBe('');
    }
    relay.become('through');
    await waitUntil(async () => (await ledger.post(new TestSource('lost').opened())).status === 201);
  },
);
