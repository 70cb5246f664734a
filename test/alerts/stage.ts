import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, createClient } from '@recant/client';
import { TOPIC_EVENTS } from '@recant/events';
import { type RunningKafka, startKafka } from '@recant/local-kafka';
import { type RunningPostgres, startPostgres } from '@recant/local-postgres';
import { migrate } from '@recant/store';
import pg from 'pg';
import { type Receiver, startReceiver } from '../../services/ledger/test/receiver.ts';
import { recant, type Up, up } from '../../services/recant/test/process.ts';
import type { Watched } from './places.ts';

const SHARDS = 2;

/** A service with everything that can fail: a database and a broker of its own, an anchor, a system that captures. */
export interface Stage extends Watched {
  readonly postgres: RunningPostgres;
  readonly kafka: RunningKafka;
  readonly service: Up;
  readonly operator: Client;
  readonly agents: Client;
  readonly agentKey: string;
  readonly anchorDir: string;
  /** Gets every alarm. */
  readonly webhook: Receiver;
  /** Statements of the superuser. */
  sql(database: 'ledger' | 'shop', ...statements: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

const keyIn = (out: string, of: 'operator' | 'agents'): string => new RegExp(`${of}\\s+(recant_\\S+)`).exec(out)?.[1] ?? '';

/** What `recant status` prints in the folder of a service. */
export async function statusIn(dir: string): Promise<string> {
  const { out } = await recant(dir, ['status', '--json']);
  return out;
}

export async function startStage(dir: string): Promise<Stage> {
  const [postgres, kafka] = await Promise.all([
    startPostgres({ dataDir: join(dir, 'pg'), temporary: true }),
    startKafka({ topics: [{ name: TOPIC_EVENTS, partitions: SHARDS }] }),
  ]);
  const [ledger, shop] = [await postgres.ensureDatabase('ledger'), await postgres.ensureDatabase('shop')];
  const urls = { ledger: ledger.ownerUrl, shop: shop.ownerUrl };
  const sql: Stage['sql'] = async (database, ...statements) => {
    const client = new pg.Client({ connectionString: urls[database] });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await migrate(ledger.ownerUrl);
  await sql('shop', 'CREATE TABLE orders (id int PRIMARY KEY, price int)', 'INSERT INTO orders VALUES (1, 100)');
  const anchorDir = join(dir, 'anchor');
  await mkdir(anchorDir);
  const webhook = await startReceiver();
  const webhooksFile = join(dir, 'webhooks.json');
  await writeFile(webhooksFile, JSON.stringify({ webhooks: [{ name: 'oncall', url: webhook.url, secretEnv: 'ONCALL_SECRET' }] }));
  const env = {
    RECANT_WEBHOOKS_FILE: webhooksFile,
    ONCALL_SECRET: webhook.secret,
    DATABASE_URL: ledger.ownerUrl,
    KAFKA_BROKERS: kafka.brokers.join(','),
    RECANT_SHARDS: String(SHARDS),
    RECANT_ANCHOR_DIR: anchorDir,
    RECANT_RATE_KEY_REQUESTS: '20',
  };
  const service = await up(dir, [], env);
  const operator = createClient({ url: service.url, apiKey: keyIn(service.out, 'operator') });
  const agentKey = keyIn(service.out, 'agents');
  const keyFile = join(dir, 'monitor.key');
  const created = await recant(dir, ['keys', 'create', '--role', 'monitor', '--label', 'prometheus']);
  if (created.code !== 0) throw new Error(`keys create: ${created.err}`);
  await writeFile(keyFile, created.out, { mode: 0o600 });
  const connected = await recant(dir, ['connect', 'postgres', 'shop'], { RECANT_CONNECT_URL: shop.ownerUrl });
  if (connected.code !== 0) throw new Error(`connect: ${connected.err}`);
  return {
    ...{ postgres, kafka, service, operator, anchorDir, webhook, sql },
    client: operator,
    status: () => statusIn(dir),
    agents: createClient({ url: service.url, apiKey: agentKey }),
    agentKey,
    target: { url: service.url, keyFile },
    async stop() {
      if (service.child.exitCode === null && service.child.signalCode === null) await service.end('SIGKILL');
      await kafka.kill();
      await postgres.stop();
      await webhook.close();
    },
  };
}
