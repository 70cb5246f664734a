import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@recant/client';
import { preparePostgres } from '@recant/connector-postgres';
import { startPostgres } from '@recant/local-postgres';
import { createApp, createLogger, listen } from '@recant/service';
import { createStore, grantServiceRole, migrate, type NewCredential } from '@recant/store';
import pg from 'pg';
import { wireLedger } from '../../services/ledger/src/wire.ts';
import { wireRollback } from '../../services/rollback/src/wire.ts';

export const TENANT = 'bench';
const SYSTEM = 'shop';
const SHARDS = 4;
const OFF_MS = 1_000_000_000;
/** Longest time of one request: plans of 10,000 steps on a busy machine. */
const PLAN_MS_MAX = 600_000;

/** Ledger and rollback in this process, over HTTP; their database and a captured one on a durable PostgreSQL. */
export interface Place {
  readonly operator: Client;
  /** Superuser connections. */
  readonly ledger: pg.Client;
  readonly target: pg.Client;
  readonly ledgerOwnerUrl: string;
  readonly postgresPid: number;
  /** As an agent's login. */
  asAgent(login: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

export async function createPlace(schema: string, agents: readonly string[]): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true });
  const shop = await postgres.ensureDatabase('shop');
  await migrate(postgres.ownerUrl);
  await grantServiceRole(postgres.ownerUrl, new URL(postgres.url).username);
  const [ledger, target] = [postgres.ownerUrl, shop.ownerUrl].map((connectionString) => new pg.Client({ connectionString })) as [
    pg.Client,
    pg.Client,
  ];
  await Promise.all([ledger.connect(), target.connect()]);
  for (const agent of agents) await target.query(`CREATE ROLE ${agent} LOGIN PASSWORD '${agent}'`);
  await target.query(schema);
  await target.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${agents.join(', ')}`);
  await preparePostgres({ url: shop.ownerUrl, system: SYSTEM, agentRoles: [...agents] });
  const services = await startServices(postgres.url);
  await services.operator.registerSystem({ name: SYSTEM, connector: 'postgres', options: { url: shop.ownerUrl } });
  return {
    ...{ operator: services.operator, ledger, target, ledgerOwnerUrl: postgres.ownerUrl, postgresPid: postgres.pid },
    async asAgent(login) {
      const client = new pg.Client({ connectionString: Object.assign(new URL(shop.ownerUrl), { username: login, password: login }).href });
      await client.connect();
      return client;
    },
    async stop() {
      await services.stop();
      await Promise.all([ledger.end(), target.end()]);
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startServices(connectionString: string): Promise<{ readonly operator: Client; stop(): Promise<void> }> {
  const store = createStore({ connectionString, masterKey: randomBytes(32), shards: SHARDS });
  const logger = createLogger({ name: 'bench', level: 'error', destination: process.stderr });
  const makeKey = async (over: Partial<NewCredential>): Promise<string> =>
    (await store.credentials.create({ tenant: TENANT, roles: [], sourcePrefix: 'recant://', agents: [], resources: [], ...over })).apiKey;
  const apiKey = await makeKey({ roles: ['rollback'], sourcePrefix: 'recant://recant/', agents: ['recant'] });
  let url = '';
  const ledger = wireLedger({ store, logger, clock: Date.now, shards: SHARDS, alarmMs: OFF_MS });
  const rollback = wireRollback({
    ...{ store, logger, clock: Date.now, approvals: 'never', worker: { pollMs: 50 } },
    ...{ ledger: { url: () => url, apiKey }, alarmMs: OFF_MS, freezeMs: OFF_MS, rowsMax: OFF_MS },
  });
  const app = createApp({
    ...{ title: 'bench', version: '0', routers: [...ledger.routers, ...rollback.routers], health: {}, acts: ledger.acts },
    ...{ keyring: store.credentials, people: [], logger, requestId: randomUUID },
  });
  const listening = await listen(app, { host: '127.0.0.1', port: 0 });
  url = listening.url;
  await ledger.start();
  await rollback.start();
  return {
    operator: createClient({ url, apiKey: await makeKey({ roles: ['view', 'plan', 'execute', 'administer'] }), timeoutMs: PLAN_MS_MAX }),
    async stop() {
      await listening.close(2_000);
      await rollback.stop();
      await ledger.stop();
      await store.close();
    },
  };
}
