import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@recant/client';
import { postgresSystem, preparePostgres } from '@recant/connector-postgres';
import { createRecant, type Transport } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import pg from 'pg';
import { readSettings } from '../../services/recant/src/up/settings.ts';
import { startUp } from '../../services/recant/src/up/start.ts';
import { installRecorder } from './recorder.ts';
import { loadRetail, TABLES } from './retail-schema.ts';
import { type Agent, deal, type Session } from './sessions.ts';

const SHOP = 'retail';
const LOGIN = 'support';

export interface Stage {
  readonly operator: Client;
  /** As the owner of the retail database. */
  readonly db: pg.Client;
  readonly shop: ReturnType<typeof postgresSystem>;
  readonly agents: readonly Agent[];
  stop(): Promise<void>;
}

/** Recant as `recant up --kafka` runs it, a retail database prepared for capture, and a key and a recorder for each agent. */
export async function setStage(
  data: Parameters<typeof loadRetail>[1],
  sessions: readonly Session[],
  tell: (text: string) => void,
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-corpus-'));
  const env = { PATH: process.env.PATH };
  const running = await startUp(readSettings({ dir: join(folder, 'recant'), port: '0', kafka: true }, env), {
    progress: tell,
    signal: new AbortController().signal,
  });
  if (running.ownerUrl === undefined || running.brokers === undefined)
    throw new Error('The stage needs the embedded PostgreSQL and broker');
  const operator = createClient({ url: running.url, apiKey: running.operatorKey });
  const { url, loginUrl } = await makeDatabase(running.ownerUrl);
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  await loadRetail(db, data);
  await installRecorder(db);
  await db.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${LOGIN}`);
  await preparePostgres({ url, system: SHOP, agentRoles: [LOGIN], tables: TABLES.map((table) => `public.${table}`) });
  await operator.registerSystem({ name: SHOP, connector: 'postgres', options: { url } });
  const pool = new pg.Pool({ connectionString: loginUrl, max: 8 });
  const shop = postgresSystem({ name: SHOP, pool });
  const transports: Transport[] = [];
  const agents = await Promise.all(
    deal(sessions).map(async (agent): Promise<Agent> => {
      const { apiKey } = await operator.createKey({
        roles: ['emit'],
        agents: [agent.name],
        sourcePrefix: `recant://${agent.name}`,
        resources: [`postgres://${SHOP}/*`],
      });
      const transport = kafkaTransport({ brokers: [...(running.brokers ?? [])], apiKey });
      transports.push(transport);
      return {
        ...agent,
        async open(session) {
          const recant = createRecant({
            url: running.url,
            apiKey,
            agent: agent.name,
            session,
            systems: [shop],
            transport: shared(transport),
          });
          await recant.open();
          return recant;
        },
      };
    }),
  );
  return {
    operator,
    db,
    shop,
    agents,
    async stop() {
      await Promise.all([...transports.map((transport) => transport.close()), pool.end(), db.end()]);
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One connection for all sessions of an agent: closing a session leaves it open. */
const shared = (transport: Transport): Transport => ({
  ...transport,
  send: (events, signal) => transport.send(events, signal),
  close: async () => undefined,
});

async function makeDatabase(ownerUrl: string): Promise<{ url: string; loginUrl: string }> {
  const password = randomBytes(18).toString('base64url');
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query(`CREATE ROLE ${LOGIN} LOGIN PASSWORD '${password}'`);
    await owner.query(`CREATE DATABASE ${SHOP}`);
  } finally {
    await owner.end();
  }
  const url = new URL(ownerUrl);
  url.pathname = `/${SHOP}`;
  const login = new URL(url);
  login.username = LOGIN;
  login.password = password;
  return { url: url.href, loginUrl: login.href };
}
