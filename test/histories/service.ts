import { randomBytes, randomUUID } from 'node:crypto';
import { type Client, createClient } from '@recant/client';
import { createApp, createLogger, listen } from '@recant/service';
import { wireLedger } from '@recant/service-ledger/wire';
import { wireRollback } from '@recant/service-rollback/wire';
import { createStore, grantServiceRole, migrate, type NewCredential, withSnapshot } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import pg from 'pg';

const TENANT = 'histories';
const SHARDS = 2;
/** Milliseconds between two looks at what nobody asked for: a plan waits for the drain, and a run wakes the worker. */
const POLL_MS = 2_000;
/** Milliseconds between two looks of a loop that nothing depends on. */
const SELDOM_MS = 1_000_000_000;

/** Milliseconds between two looks at a run. */
const LOOK_MS = 25;
const RUN_MS_MAX = 120_000;
const ENDS = ['finished', 'waiting', 'cancelled'];

/** Ledger, drain, planner and runner of one tenant, in this process, on a database of their own. */
export interface Service {
  readonly url: string;
  /** view, plan, execute, administer */
  readonly operator: Client;
  /** The operator, with a reason. */
  readonly accepting: Client;
  key(over: Partial<NewCredential>): Promise<{ readonly apiKey: string; readonly keyId: string }>;
  /** Resolves once the run has ended or waits for a person. */
  ended(run: string): Promise<void>;
  /** What the verifier finds wrong with the ledger. */
  audit(): Promise<readonly unknown[]>;
  stop(): Promise<void>;
}

/** @param adminUrl a superuser of the server */
export async function startService(adminUrl: string): Promise<Service> {
  const database = `ledger_${randomBytes(4).toString('hex')}`;
  const databaseUrl = Object.assign(new URL(adminUrl), { pathname: `/${database}` }).href;
  await asAdmin(adminUrl, `CREATE ROLE ${database} LOGIN PASSWORD '${database}'`, `CREATE DATABASE ${database}`);
  await migrate(databaseUrl);
  await grantServiceRole(databaseUrl, database);
  const serviceUrl = Object.assign(new URL(databaseUrl), { username: database, password: database }).href;
  const store = createStore({ connectionString: serviceUrl, masterKey: randomBytes(32), shards: SHARDS });
  const logger = createLogger({ name: 'histories', level: 'fatal', destination: { write: () => undefined } });
  const key: Service['key'] = async (over) => {
    const made = await store.credentials.create({
      tenant: TENANT,
      roles: ['emit'],
      sourcePrefix: 'recant://',
      agents: ['*'],
      resources: [],
      ...over,
    });
    return { apiKey: made.apiKey, keyId: made.credential.keyId };
  };
  const own = await key({ roles: ['rollback'], sourcePrefix: 'recant://recant/', agents: ['recant'] });
  let url = '';
  const ledger = wireLedger({ store, logger, clock: Date.now, shards: SHARDS, alarmMs: SELDOM_MS });
  const rollback = wireRollback({
    store,
    logger,
    clock: Date.now,
    ledger: { url: () => url, apiKey: own.apiKey },
    approvals: 'never',
    worker: { pollMs: POLL_MS, leaseMs: 30_000 },
    drain: { pollMs: POLL_MS },
    runner: { retryMs: 20 },
    alarmMs: SELDOM_MS,
    coverageMs: SELDOM_MS,
  });
  const app = createApp({
    title: 'histories',
    version: '0',
    routers: [...ledger.routers, ...rollback.routers],
    health: {},
    acts: ledger.acts,
    keyring: store.credentials,
    people: [],
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, { host: '127.0.0.1', port: 0 });
  url = listening.url;
  await ledger.start();
  await rollback.start();
  const { apiKey } = await key({ roles: ['view', 'plan', 'execute', 'administer'], agents: [] });
  return {
    url,
    operator: createClient({ url, apiKey }),
    accepting: createClient({ url, apiKey, reason: 'the history says so' }),
    key,
    async audit() {
      await store.projection.reach(TENANT);
      return withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot));
    },
    ended: (run) =>
      waitUntil(
        async () => {
          const { rows } = await store.pool.query<{ state: string }>('SELECT state FROM recant.run WHERE tenant_id = $1 AND id = $2', [
            TENANT,
            run,
          ]);
          return ENDS.includes(rows[0]?.state ?? '') ? true : undefined;
        },
        { timeoutMs: RUN_MS_MAX, pollMs: LOOK_MS, what: 'the end of a run' },
      ).then(() => undefined),
    async stop() {
      await listening.close(2_000);
      await rollback.stop();
      await ledger.stop();
      await store.close();
      await asAdmin(adminUrl, `DROP DATABASE ${database} WITH (FORCE)`, `DROP ROLE ${database}`);
    },
  };
}

async function asAdmin(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
