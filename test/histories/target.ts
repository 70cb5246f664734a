import { randomBytes } from 'node:crypto';
import { preparePostgres } from '@recant/connector-postgres';
import pg, { type Client } from 'pg';
import type { Players } from './play.ts';
import { CAPTURED, HISTORY, SCHEMA_SQL } from './schema.ts';
import { loginOf, type Transaction } from './script.ts';

export const SYSTEM = 'histories';
export const sourceOf = (agent: number): string => `recant://agent${agent}/1`;
export const actionOf = (agent: number, attempt: number): string =>
  `018f0000-0000-7000-8000-${String(agent * 1_000 + attempt).padStart(12, '0')}`;

/** A statement that waits longer is a defect of the history, not of the product. */
const STATEMENT_MS_MAX = 60_000;

/** Logins of one server, and a prepared database that each history gets a copy of. */
export interface Template {
  readonly adminUrl: string;
  readonly name: string;
  readonly owner: string;
  readonly agents: readonly string[];
  readonly role: string;
  readonly person: string;
  drop(): Promise<void>;
}

export async function makeTemplate(adminUrl: string): Promise<Template> {
  const id = randomBytes(4).toString('hex');
  const [name, owner, person, role] = [`history_${id}`, `owner_${id}`, `alice_${id}`, `bot_${id}`] as const;
  const agents = [`agent0_${id}`, `agent1_${id}`];
  await withClient(adminUrl, async (client) => {
    for (const login of [owner, person, role, ...agents]) {
      await client.query(
        `CREATE ROLE ${login} LOGIN PASSWORD '${login}'; ALTER ROLE ${login} SET statement_timeout = '${STATEMENT_MS_MAX}ms'`,
      );
    }
    await client.query(`CREATE DATABASE ${name} OWNER ${owner}`);
  });
  const url = urlOf(adminUrl, owner, name);
  await withClient(url, async (client) => {
    await client.query(SCHEMA_SQL);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${[person, role, ...agents].join(', ')}`);
  });
  await preparePostgres({ url, system: SYSTEM, agentRoles: [...agents, role], tables: CAPTURED, history: HISTORY });
  const drop = () =>
    withClient(adminUrl, async (client) => {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await client.query(`DROP ROLE ${[owner, person, role, ...agents].join(', ')}`);
    });
  return { adminUrl, name, owner, agents, role, person, drop };
}

/** One history's own database, and its connections. */
export interface Target extends Players {
  readonly url: string;
  drop(): Promise<void>;
}

export async function makeTarget(template: Template): Promise<Target> {
  const database = `${template.name}_${randomBytes(4).toString('hex')}`;
  await withClient(template.adminUrl, (client) =>
    client.query(`CREATE DATABASE ${database} TEMPLATE ${template.name} OWNER ${template.owner}`),
  );
  const clients: Client[] = [];
  const prepared: string[] = [];
  const connect = async (login: string): Promise<Client> => {
    const client = new pg.Client({ connectionString: urlOf(template.adminUrl, login, database) });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  const loginOfTransaction = ({ actor }: Transaction): string => {
    if (actor.is === 'agent') return template.agents[loginOf(actor.agent)] ?? '';
    return actor.is === 'role' ? template.role : template.person;
  };
  const ready: Client[] = [];
  for (const login of template.agents) ready.push(await connect(login));
  const speaker = (agent: number): Client => ready[loginOf(agent)] as Client;
  const owner = await connect(template.owner);
  return {
    url: urlOf(template.adminUrl, template.owner, database),
    owner,
    connect: (transaction) => connect(loginOfTransaction(transaction)),
    preparedName: (transaction) => {
      const name = `${database}_${transaction}`;
      prepared.push(name);
      return name;
    },
    async name(client, agent, attempt) {
      const ref = [sourceOf(agent), actionOf(agent, attempt), 1];
      await speaker(agent).query('SELECT recant.open_attempt($1, $2, $3)', ref).catch(ignoreRefusal);
      return client.query('SELECT recant.name_attempt($1, $2, $3)', ref).then(() => true, ignoreRefusal);
    },
    async settle(agent, attempt) {
      await speaker(agent).query('SELECT recant.settle_attempt($1, $2, $3)', [sourceOf(agent), actionOf(agent, attempt), 1]);
    },
    async drop() {
      for (const name of prepared) await owner.query(`ROLLBACK PREPARED '${name}'`).catch(() => undefined);
      await Promise.all(clients.map((client) => client.end()));
      await withClient(template.adminUrl, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
    },
  };
}

/** 42501 and 55000: the attempt is settled, or the transaction has another name. */
function ignoreRefusal(error: Error & { code?: string }): boolean {
  if (error.code === '42501' || error.code === '55000') return false;
  throw error;
}

function urlOf(adminUrl: string, login: string, database: string): string {
  const url = Object.assign(new URL(adminUrl), { username: login, password: login });
  url.pathname = `/${database}`;
  return url.href;
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
