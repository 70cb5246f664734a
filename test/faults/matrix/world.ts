import { appendFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, createClient } from '@recant/client';
import { OPERATOR_TENANT } from '@recant/events';
import { createProducer } from '@recant/kafka';
import { createStore, type Store } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { newSigningKey } from '../../../services/ledger/src/signing-keys.ts';
import type { Broker } from './broker.ts';
import { type Database, openDatabase, urlOf } from './postgres.ts';
import { openReplica, type Replica, SHARDS, untilListening } from './replica.ts';
import { httpSender, kafkaSender, type Observed, prefixOf, type Sender } from './senders.ts';

/** The first one is struck. */
export const TENANTS = ['acme', 'beta', 'gamma'] as const;
const SOURCES_HTTP = 2;
const SOURCES_KAFKA = 2;

/** Replicas, database, topic and keys, used for several runs one after the other. */
export interface World extends AsyncDisposable {
  readonly folder: string;
  /** Replaced by a failover. */
  database: Database;
  readonly kafka: Broker;
  readonly topic: string;
  readonly replicas: readonly Replica[];
  /** Past every proxy. Made again after the database was replaced. */
  store: Store;
  reopenStore(): Promise<void>;
  /** Key ids of the struck tenant. */
  readonly keyIds: readonly string[];
  readonly senders: readonly Sender[];
  /** Sources that have left: their events cannot be sent again. */
  readonly left: Sender[];
  /** Client of a tenant's administrator, at a replica that is not struck. */
  operator(tenant: string): Client;
  /** Client of the struck tenant's viewer, at the replica that is struck. */
  readonly viewer: Client;
  /** Client with a tenant's key for events. */
  agent(tenant: string): Client;
  /** A source of its own for a run, at a replica. */
  leaver(tenant: string, n: number): Sender;
  observed: Observed;
  /** Writes what the campaign does between the lines of every replica. */
  note(text: string): void;
}

export interface WorldOptions {
  readonly folder: string;
  readonly template: string;
  readonly kafka: Broker;
  readonly replicas: number;
  readonly seed: number;
  /** Folder for the whole logs of the replicas. */
  readonly logs?: string | undefined;
}

export async function openWorld({ folder, template, kafka, replicas: count, seed, logs }: WorldOptions): Promise<World> {
  await using started = new AsyncDisposableStack();
  await mkdir(folder, { recursive: true });
  let database = await openDatabase(template, join(folder, 'primary'));
  started.defer(() => database.end());
  const topic = `matrix-${seed}`;
  await kafka.createTopic(topic, SHARDS);
  const secrets = await writeSecrets(folder);
  const openStore = () => createStore({ connectionString: urlOf('recant', database.port), masterKey: secrets.masterKey, shards: SHARDS });
  let store = openStore();
  started.defer(() => store.close());
  const replicas: Replica[] = [];
  for (let n = 0; n < count; n += 1) {
    const { masterKeyFile, evidence } = secrets;
    const keep = (line: string) => logs !== undefined && appendFileSync(join(logs, `${topic}.${n}.log`), `${line}\n`);
    const replica = await openReplica({
      ports: { postgres: () => database.port, kafka: kafka.port },
      masterKeyFile,
      evidence,
      topic,
      keep,
    });
    started.use(replica);
    replicas.push(replica);
  }
  await Promise.all(replicas.map(untilListening));
  const producer = await createProducer({ brokers: kafka.brokers, topic });
  started.defer(() => producer.close());
  const urls = replicas.map(({ url }) => url);
  const keys = await makeKeys(store);
  const quiet: Observed = { acknowledgedMs() {}, answeredMs() {}, unexpected() {}, setBack() {} };
  const observed: Observed = {
    acknowledgedMs: (...args) => world.observed.acknowledgedMs(...args),
    answeredMs: (...args) => world.observed.answeredMs(...args),
    unexpected: (what) => world.observed.unexpected(what),
    setBack: (what) => world.observed.setBack(what),
  };
  const optionsOf = (tenant: string, name: string, n: number) => ({
    tenant,
    name,
    apiKey: keys.emit.get(tenant) as string,
    seed: seed * 1_000 + n,
    startMs: Date.now(),
    observed,
  });
  // The struck tenant starts at the replica that is struck, and moves on when it fails; the others use the other ones.
  const urlsFor = (tenant: string) => (tenant === TENANTS[0] || count === 1 ? urls : urls.slice(1));
  const senders = TENANTS.flatMap((tenant, at) => [
    ...Array.from({ length: SOURCES_HTTP }, (_, n) => httpSender(optionsOf(tenant, `${tenant}/h${n}`, at * 10 + n), urlsFor(tenant))),
    ...Array.from({ length: SOURCES_KAFKA }, (_, n) =>
      kafkaSender(optionsOf(tenant, `${tenant}/k${n}`, at * 10 + 5 + n), SHARDS, (at * SOURCES_KAFKA + n) % SHARDS, producer),
    ),
  ]);
  const running = started.move();
  const world: World = {
    folder,
    kafka,
    topic,
    replicas,
    keyIds: keys.struck,
    senders,
    left: [],
    viewer: createClient({ url: urls[0] as string, apiKey: keys.operator.get(TENANTS[0]) as string }),
    agent: (tenant) => createClient({ url: urls.at(-1) as string, apiKey: keys.emit.get(tenant) as string }),
    observed: quiet,
    note(text) {
      for (const { log } of replicas) log(JSON.stringify({ time: Date.now(), name: 'matrix', msg: text }));
    },
    get database() {
      return database;
    },
    set database(other) {
      database = other;
    },
    get store() {
      return store;
    },
    set store(other) {
      store = other;
    },
    async reopenStore() {
      await store.close();
      store = openStore();
    },
    operator: (tenant) => createClient({ url: urls.at(-1) as string, apiKey: keys.operator.get(tenant) as string }),
    leaver: (tenant, n) => httpSender(optionsOf(tenant, `${tenant}/left${n}`, 500 + n), urlsFor(tenant)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
  return world;
}

async function writeSecrets(folder: string) {
  const masterKey = new Uint8Array(32).fill(7);
  const masterKeyFile = join(folder, 'master.key');
  const evidence = { signingKeyFile: join(folder, 'signing.key'), anchorDir: join(folder, 'anchor') };
  await writeFile(masterKeyFile, masterKey, { mode: 0o600 });
  await writeFile(evidence.signingKeyFile, newSigningKey('example.org'), { mode: 0o600 });
  await mkdir(evidence.anchorDir);
  return { masterKey, masterKeyFile, evidence };
}

async function makeKeys(store: Store) {
  const emit = new Map<string, string>();
  const operator = new Map<string, string>();
  const struck: string[] = [];
  for (const tenant of [...TENANTS, OPERATOR_TENANT]) {
    const common = { tenant, sourcePrefix: prefixOf(tenant), resources: [] };
    const made = await waitUntil(() => store.credentials.create({ ...common, roles: ['emit'], agents: ['*'] }));
    const admin = await store.credentials.create({ ...common, roles: ['view', 'administer'], agents: [] });
    emit.set(tenant, made.apiKey);
    operator.set(tenant, admin.apiKey);
    if (tenant === TENANTS[0]) struck.push(made.credential.keyId);
  }
  return { emit, operator, struck };
}
