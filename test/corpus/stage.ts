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
import type { Corpus } from './corpus.ts';
import { installRecorder, type Keys, RECORD } from './recorder.ts';
import { type Agent, deal } from './sessions.ts';

const SYSTEM = 'corpus';
const LOGIN = 'agent';

export interface Stage {
  readonly operator: Client;
  /** As the owner of the corpus's database. */
  readonly db: pg.Client;
  readonly keys: Keys;
  /** `table.column` that the target computes. */
  readonly derived: ReadonlySet<string>;
  readonly target: ReturnType<typeof postgresSystem>;
  readonly agents: readonly Agent[];
  stop(): Promise<void>;
}

/** Recant as `recant up --kafka` runs it, the corpus's database prepared for capture, and a key and a recorder for each agent. */
export async function setStage(corpus: Corpus, log: (text: string) => void): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-corpus-'));
  const env = { PATH: process.env.PATH };
  const running = await startUp(readSettings({ dir: join(folder, 'recant'), port: '0', kafka: true }, env), {
    progress: log,
    signal: new AbortController().signal,
  });
  if (running.ownerUrl === undefined || running.brokers === undefined)
    throw new Error('The stage needs the embedded PostgreSQL and broker');
  const operator = createClient({ url: running.url, apiKey: running.operatorKey });
  const { url, loginUrl } = await makeDatabase(running.ownerUrl);
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  await corpus.load(db);
  const keys = await installRecorder(db);
  await db.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${LOGIN}`);
  const { tables } = await preparePostgres({
    url,
    system: SYSTEM,
    agentRoles: [LOGIN],
    tables: [...[...keys.keys()].map((table) => `public.${table}`), RECORD],
    // The harness's own triggers write it during an undo, too.
    history: [RECORD],
  });
  const derived = new Set(tables.flatMap((one) => one.derived.map(({ column }) => `${one.table.replace(/^public\./, '')}.${column}`)));
  await operator.registerSystem({ name: SYSTEM, connector: 'postgres', options: { url } });
  const pool = new pg.Pool({ connectionString: loginUrl, max: 8 });
  const target = postgresSystem({ name: SYSTEM, pool });
  const transports: Transport[] = [];
  const agents = await Promise.all(
    deal(corpus.sessions).map(async (agent): Promise<Agent> => {
      const { apiKey } = await operator.createKey({
        roles: ['emit'],
        agents: [agent.name],
        sourcePrefix: `recant://${agent.name}`,
        resources: [`postgres://${SYSTEM}/*`],
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
            systems: [target],
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
    keys,
    derived,
    target,
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
    await owner.query(`CREATE DATABASE ${SYSTEM}`);
  } finally {
    await owner.end();
  }
  const url = new URL(ownerUrl);
  url.pathname = `/${SYSTEM}`;
  const login = new URL(url);
  login.username = LOGIN;
  login.password = password;
  return { url: url.href, loginUrl: login.href };
}
