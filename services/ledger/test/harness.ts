import { randomBytes, randomUUID } from 'node:crypto';
import { type Client, createClient } from '@recant/client';
import { type ApiKey, OPERATOR_TENANT, parseApiKey } from '@recant/events';
import type { Credential } from '@recant/ledger';
import { processMetrics } from '@recant/metrics';
import type { ByteBudget } from '@recant/queues';
import { createApp, createLogger, type Listening, listen, type Rates } from '@recant/service';
import { createStore, type NewCredential, type Store, withSnapshot } from '@recant/store';
import { testLedgerDatabase } from '@recant/test-support';
import { auditTenant, type Violation } from '@recant/verifier';
import { type LedgerDeps, type WiredLedger, wireLedger } from '../src/wire.ts';

export const TENANT = 'acme';
export const SHARDS = 4;

export interface RunningLedger {
  readonly store: Store;
  readonly url: string;
  readonly wired: WiredLedger;
  readonly log: readonly Record<string, unknown>[];
  /** May send as any agent from any source. */
  readonly agentKey: string;
  readonly agentApiKey: ApiKey;
  readonly agents: Client;
  readonly operator: Client;
  /** Client of the operator's tenant, which sees health details. */
  readonly owner: Client;
  /** @param reason recorded with each act */
  client(key: string, reason?: string): Client;
  makeKey(over?: Partial<NewCredential>): Promise<{ apiKey: string; credential: Credential }>;
  post(
    body: Uint8Array | string,
    options?: { key?: string; type?: string; path?: string; method?: string; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Broken rules in the logs of this tenant and of the operator's. */
  audit(): Promise<readonly Violation[]>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export interface HarnessOptions {
  readonly kafka?: LedgerDeps['kafka'];
  /** A database that outlives this ledger. */
  readonly databaseUrl?: string;
  readonly masterKey?: Uint8Array;
  readonly evidence?: LedgerDeps['evidence'];
  readonly rates?: Rates;
  readonly budget?: ByteBudget;
  readonly groupCommit?: LedgerDeps['groupCommit'];
  readonly dataKeys?: LedgerDeps['dataKeys'];
  readonly alarmMs?: number;
  /** 0: questions complete the read models that they need. */
  readonly projectMs?: number;
  readonly leaseMs?: number;
  readonly webhooks?: LedgerDeps['webhooks'];
  readonly webhookTiming?: LedgerDeps['webhookTiming'];
  /** Port of a replaced ledger. Default: any free one. */
  readonly port?: number;
}

/** The ledger service on a real database, over real HTTP. */
export async function startLedger(options: HarnessOptions = {}): Promise<RunningLedger> {
  const database = options.databaseUrl === undefined ? await testLedgerDatabase() : undefined;
  const store = createStore({
    connectionString: options.databaseUrl ?? (database?.url as string),
    masterKey: options.masterKey ?? randomBytes(32),
    shards: SHARDS,
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
  });
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ name: 'test', level: 'info', destination: { write: (line) => void log.push(JSON.parse(line)) } });
  const { kafka, evidence, rates, budget, groupCommit, dataKeys } = options;
  const metrics = processMetrics({ service: 'test', version: '0' });
  const wired = wireLedger({
    store,
    metrics,
    logger,
    clock: Date.now,
    shards: SHARDS,
    dataKeys,
    // Off unless asked for: its statements would be among those of a request.
    alarmMs: options.alarmMs ?? 1_000_000_000,
    projectMs: options.projectMs,
    webhooks: options.webhooks,
    webhookTiming: options.webhookTiming,
    ...(kafka && { kafka }),
    ...(rates && { rates }),
    ...(evidence && { evidence }),
    ...(groupCommit && { groupCommit }),
  });
  const app = createApp({
    title: 'test',
    version: '0',
    routers: wired.routers,
    health: wired.health,
    alarms: wired.alarms,
    conditions: wired.conditions,
    metrics,
    acts: wired.acts,
    keyring: store.credentials,
    logger,
    requestId: randomUUID,
    ...(rates && { rates }),
    ...(budget && { budget }),
  });
  const listening: Listening = await listen(app, { host: '127.0.0.1', port: options.port ?? 0 });
  const { url } = listening;
  const makeKey: RunningLedger['makeKey'] = (over = {}) =>
    store.credentials.create({ tenant: TENANT, roles: ['emit'], sourcePrefix: 'recant://', agents: ['*'], resources: ['*'], ...over });
  const agentKey = (await makeKey()).apiKey;
  const operatorKey = (await makeKey({ roles: ['view', 'administer'], agents: [] })).apiKey;
  const ownerKey = (await makeKey({ tenant: OPERATOR_TENANT, roles: ['view'], agents: [] })).apiKey;
  const client = (apiKey: string, reason?: string) => createClient({ url, apiKey, ...(reason === undefined ? {} : { reason }) });
  await wired.start();
  return {
    store,
    url,
    wired,
    log,
    agentKey,
    client,
    makeKey,
    agentApiKey: parseApiKey(agentKey) as ApiKey,
    agents: client(agentKey),
    operator: client(operatorKey),
    owner: client(ownerKey),
    post: (body, { key = agentKey, type = 'application/cloudevents+json', path = '/v1/events', method = 'POST', headers = {} } = {}) =>
      ask(`${url}${path}`, {
        method,
        body: body as Uint8Array<ArrayBuffer>,
        headers: { authorization: `Bearer ${key}`, 'content-type': type, ...headers },
      }),
    async audit() {
      const audits = [TENANT, OPERATOR_TENANT].map(async (tenant) => {
        await store.projection.reach(tenant);
        return withSnapshot(store.pool, tenant, (snapshot) => auditTenant(tenant, snapshot));
      });
      return (await Promise.all(audits)).flat();
    },
    async stop() {
      await listening.close(2_000);
      await wired.stop();
      await store.close();
      await database?.drop();
    },
  };
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers };
}
