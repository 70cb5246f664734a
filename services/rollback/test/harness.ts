import { randomBytes, randomUUID } from 'node:crypto';
import { type Client, createClient, type WholePlan, wholePlan } from '@recant/client';
import type { Connector } from '@recant/connector';
import { type PostgresClient, type PostgresSystem, postgresSystem, preparePostgres } from '@recant/connector-postgres';
import type { DataKeys } from '@recant/data-keys';
import { type Metrics, processMetrics } from '@recant/metrics';
import { createRecant, type Recant } from '@recant/sdk';
import { createApp, createLogger, listen, type People } from '@recant/service';
import { type LedgerDeps, wireLedger } from '@recant/service-ledger/wire';
import { createStore, type NewCredential, type Store, withSnapshot } from '@recant/store';
import { testDatabase, testLedgerDatabase } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import pg from 'pg';
import { type RollbackDeps, wireRollback } from '../src/wire.ts';

export const TENANT = 'acme';
export const SHARDS = 4;

export interface Shop {
  readonly ownerUrl: string;
  readonly owner: pg.Pool;
  readonly pool: pg.Pool;
  readonly agentUrl: string;
}

export interface Stage {
  readonly url: string;
  readonly store: Store;
  readonly databaseUrl: string;
  /** Superuser connection, to read every row. */
  readonly databaseOwnerUrl: string;
  readonly masterKey: Uint8Array;
  readonly rollbackKey: string;
  readonly shop: Shop;
  /** view, plan, execute, administer */
  readonly operator: WholeClient;
  /** The operator, who says why. */
  withReason(reason: string): WholeClient;
  /** @param url default: that of the stage */
  clientOf(apiKey: string, url?: string): Client;
  readonly log: readonly Record<string, unknown>[];
  readonly metrics: Metrics;
  makeKey(over?: Partial<NewCredential>): Promise<string>;
  /** An agent of the SDK with the shop as its system. */
  agent(
    name: string,
    over?: Partial<NewCredential>,
  ): Promise<Recant & { readonly system: PostgresSystem; sql(tool: string, ...statements: string[]): Promise<void> }>;
  audit(): Promise<readonly unknown[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A client whose plans come with the items of all their pages. */
export interface WholeClient extends Client {
  createPlan(...args: Parameters<Client['createPlan']>): Promise<WholePlan>;
  plan(id: string): Promise<WholePlan>;
}

export const readingWhole = (client: Client): WholeClient => ({
  ...client,
  createPlan: async (input) => wholePlan(client, await client.createPlan(input)),
  plan: async (id) => wholePlan(client, await client.plan(id)),
});

export interface StageOptions {
  /** Milliseconds between two checks of capture, and of alarms. Default: no alarms. */
  readonly watchMs?: number;
  /** Default: sealing is off. */
  readonly dataKeys?: DataKeys;
  readonly schema?: string;
  readonly connectors?: readonly Connector[];
  /** If false, another process drives the runs. */
  readonly worker?: boolean;
  /** Milliseconds between two looks at the freezes. Default: never. */
  readonly freezeMs?: number;
  /** Milliseconds between two reads of a watched run. Default: that of production. */
  readonly progressMs?: number;
  readonly runner?: RollbackDeps['runner'];
  readonly workerOptions?: RollbackDeps['worker'];
  /** If false, only plans and runs drain what the target captured. */
  readonly drains?: boolean;
  /** Default: never. */
  readonly approvals?: RollbackDeps['approvals'];
  readonly people?: readonly People[];
  /** Default: every login is another human. */
  readonly onePerson?: RollbackDeps['onePerson'];
  readonly rowsMax?: number;
  /** If false, questions complete the read models that they need. */
  readonly projects?: boolean;
  /** Default: events arrive over HTTP only. */
  readonly kafka?: LedgerDeps['kafka'];
}

const SCHEMA = `CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL, price int NOT NULL);
  INSERT INTO orders SELECT n, 'open', 100 FROM generate_series(1, 100) n`;

/** Ledger and rollback on a real database, a prepared shop, over real HTTP. */
export async function createStage(options: StageOptions = {}): Promise<Stage> {
  const database = await testLedgerDatabase();
  const shop = await createShop(options.schema ?? SCHEMA);
  const masterKey = randomBytes(32);
  const store = createStore({ connectionString: database.url, masterKey, shards: SHARDS });
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ name: 'test', level: 'info', destination: { write: (line) => void log.push(JSON.parse(line)) } });
  const makeKey: Stage['makeKey'] = async (over = {}) =>
    (
      await store.credentials.create({
        tenant: TENANT,
        roles: ['emit'],
        sourcePrefix: 'recant://',
        agents: ['*'],
        resources: ['*'],
        people: ['person:holder'],
        ...over,
      })
    ).apiKey;
  const rollbackKey = await makeKey({ roles: ['rollback'], sourcePrefix: 'recant://recant/', agents: ['recant'], resources: [] });
  let url = '';
  const metrics = processMetrics({ service: 'test', version: '0' });
  const ledger = wireLedger({
    store,
    metrics,
    logger,
    clock: Date.now,
    shards: SHARDS,
    dataKeys: options.dataKeys,
    alarmMs: 1_000_000_000,
    ...(options.projects === false && { projectMs: 0 }),
    ...(options.kafka && { kafka: options.kafka }),
  });
  const rollback = wireRollback({
    // Off unless asked for: their statements would be among those of a request.
    alarmMs: options.watchMs ?? 1_000_000_000,
    freezeMs: options.freezeMs ?? 1_000_000_000,
    ...(options.watchMs === undefined ? {} : { coverageMs: options.watchMs }),
    ...(options.progressMs === undefined ? {} : { progressMs: options.progressMs }),
    store,
    metrics,
    logger,
    clock: Date.now,
    ledger: { url: () => url, apiKey: rollbackKey },
    approvals: options.approvals ?? 'never',
    ...(options.onePerson && { onePerson: options.onePerson }),
    ...(options.rowsMax === undefined ? {} : { rowsMax: options.rowsMax }),
    worker: { pollMs: 50, leaseMs: 5_000, ...options.workerOptions },
    ...(options.drains === false && { drain: { pollMs: 1_000_000_000 } }),
    ...(options.connectors ? { connectors: options.connectors } : {}),
    runner: { retryMs: 20, ...options.runner },
  });
  const routers = [...ledger.routers, ...rollback.routers];
  const app = createApp({
    title: 'test',
    version: '0',
    routers,
    health: {},
    acts: ledger.acts,
    keyring: store.credentials,
    people: options.people ?? [],
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, { host: '127.0.0.1', port: 0 });
  url = listening.url;
  await ledger.start();
  if (options.worker !== false) await rollback.start();
  const apiKey = await makeKey({ roles: ['view', 'plan', 'execute', 'administer'], agents: [], resources: [] });
  const operator = readingWhole(createClient({ url, apiKey }));
  const agents: Recant[] = [];
  return {
    url,
    store,
    databaseUrl: database.url,
    databaseOwnerUrl: database.ownerUrl,
    masterKey,
    rollbackKey,
    shop,
    operator,
    clientOf: (key, at = url) => createClient({ url: at, apiKey: key }),
    withReason: (reason) => readingWhole(createClient({ url, apiKey, reason })),
    log,
    metrics,
    makeKey,
    async agent(name, over = {}) {
      const system = postgresSystem({ name: 'shop', pool: shop.pool });
      const recant = createRecant({
        url,
        apiKey: await makeKey({ sourcePrefix: `recant://${name}`, agents: [name], ...over }),
        agent: name,
        systems: [system],
      });
      await recant.open();
      agents.push(recant);
      const sql = async (tool: string, ...statements: string[]) => {
        const work = async (tx: PostgresClient) => {
          for (const statement of statements) await tx.query(statement);
        };
        await recant.action(tool, {}, (context) => context.on(system).transaction(work)).finally(() => recant.flush());
      };
      return Object.assign(recant, { sql, system });
    },
    async audit() {
      await store.projection.reach(TENANT);
      return withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot));
    },
    async [Symbol.asyncDispose]() {
      for (const agent of agents) await agent.close().catch(() => undefined);
      await listening.close(2_000);
      await rollback.stop();
      await ledger.stop();
      await store.close();
      await Promise.all([shop.owner.end(), shop.pool.end()]);
      await database.drop();
    },
  };
}

async function createShop(schema: string): Promise<Shop> {
  const database = await testDatabase();
  const suffix = randomBytes(4).toString('hex');
  const [owner, agent] = [`owner_${suffix}`, `agent_${suffix}`];
  const root = new pg.Client({ connectionString: database.ownerUrl });
  await root.connect();
  for (const role of [owner, agent]) await root.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
  await root.query(`ALTER DATABASE ${database.name} OWNER TO ${owner}; ALTER SCHEMA public OWNER TO ${owner}`);
  await root.end();
  const urlOf = (role: string) => Object.assign(new URL(database.ownerUrl), { username: role, password: role }).href;
  const quiet = (url: string) => new pg.Pool({ connectionString: url, max: 4 }).on('error', () => undefined);
  const pool = quiet(urlOf(owner));
  await pool.query(schema);
  await pool.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${agent}`);
  await preparePostgres({ url: urlOf(owner), system: 'shop', agentRoles: [agent] });
  return { ownerUrl: urlOf(owner), owner: pool, pool: quiet(urlOf(agent)), agentUrl: urlOf(agent) };
}
