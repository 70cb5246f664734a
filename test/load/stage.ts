import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@recant/client';
import { createProducer } from '@recant/kafka';
import { createStore, type NewCredential, type Store } from '@recant/store';
import { testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { startLedgerProcess } from '../faults/ledger-process.ts';
import { httpSender, kafkaSender, prefixOf, type Sender } from './senders.ts';

export const SHARDS = 4;
export const TENANT = 'acme';
/** Maximum lag of the ledger in messages. */
const LAG_MAX = 1_200;

/** A key that one sender uses over HTTP and, optionally, another over Kafka. */
export interface KeyInUse {
  readonly keyId: string;
  readonly http: Sender;
  readonly kafka: Sender | undefined;
  /** Gives the HTTP sender its next key after a refusal; undefined: it stops. */
  readonly next: PromiseWithResolvers<string | undefined>;
}

export interface Stage extends AsyncDisposable {
  readonly store: Store;
  /** Client of the first process. */
  readonly operator: Client;
  use(name: string, options: { readonly overKafka: boolean }): Promise<KeyInUse>;
  /** Resolves when the ledger has read all that was sent to Kafka. */
  caughtUp(): Promise<unknown>;
}

/** Two ledger processes, one consumer group, one database. If one part fails to start, the others are stopped. @param seed same seed, same events */
export async function setStage(seed: number): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const [database, kafka] = await Promise.all([testLedgerDatabase(), testKafka({ partitions: SHARDS })]);
  started.use(database);
  const folder = await mkdtemp(join(tmpdir(), 'recant-load-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const masterKey = new Uint8Array(32).fill(6);
  const masterKeyFile = join(folder, 'master.key');
  await writeFile(masterKeyFile, masterKey, { mode: 0o600 });
  const store = createStore({ connectionString: database.url, masterKey, shards: SHARDS });
  started.defer(() => store.close());
  const group = { ...kafka, groupId: `test-${randomUUID()}` };
  const ledgers = [1, 2].map(() => startLedgerProcess({ databaseUrl: database.url, masterKeyFile, shards: SHARDS, kafka: group }));
  for (const ledger of ledgers) started.defer(() => ledger.stop());
  const urls = await Promise.all(ledgers.map(({ url }) => url));
  const connected = await createProducer(kafka);
  started.defer(() => connected.close());
  let sent = 0;
  const producer = {
    async send(messages: Parameters<typeof connected.send>[0]) {
      sent += messages.length;
      await connected.send(messages);
    },
  };
  const read = async () => (await store.positions.read(kafka.topic)).reduce((sum, { next }) => sum + Number(next), 0);
  const behind = (messages: number) => waitUntil(async () => (await read()) >= sent - messages, { timeoutMs: 600_000 });
  const make = (over: Partial<NewCredential>) =>
    store.credentials.create({ tenant: TENANT, roles: ['emit'], sourcePrefix: 'recant://', agents: ['*'], resources: [], ...over });
  const operatorKey = await make({ roles: ['view', 'administer'], agents: [] });
  const senders: Sender[] = [];
  started.defer(async () => {
    for (const sender of senders) sender.stop();
    await Promise.allSettled(senders.map(({ ended }) => ended));
  });
  const running = started.move();
  return {
    store,
    operator: createClient({ url: urls[0] as string, apiKey: operatorKey.apiKey }),
    async use(name, { overKafka }) {
      const { apiKey, credential } = await make({ sourcePrefix: prefixOf(name) });
      const next = Promise.withResolvers<string | undefined>();
      const way = (way: string, n: number) => ({
        name: `${name}/${way}`,
        apiKey,
        tenant: TENANT,
        seed: seed * 100 + n,
        startMs: Date.now(),
      });
      const http = httpSender(way('http', 2 * senders.length), SHARDS, urls, () => next.promise);
      const over = overKafka ? kafkaSender(way('kafka', 2 * senders.length + 1), SHARDS, producer, () => behind(LAG_MAX)) : undefined;
      senders.push(http, ...(over ? [over] : []));
      return { keyId: credential.keyId, http, kafka: over, next };
    },
    caughtUp: () => behind(0),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
