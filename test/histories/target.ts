import { randomBytes } from 'node:crypto';
import { preparePostgres } from '@recant/connector-postgres';
import pg, { type Client } from 'pg';
import { CAPTURED, HISTORY, RESET_SQL, SCHEMA_SQL } from './schema.ts';
import { type Actor, loginOf } from './script.ts';

/** A statement that waits longer is a defect of the history, not of the product. */
const STATEMENT_MS_MAX = 60_000;
/** A lock for an ALTER. */
const ALTER_MS_MAX = 100;

/** Logins of one server. */
export interface Logins {
  readonly owner: string;
  /** Of agent 0, and of agents 1 and 2. */
  readonly agents: readonly string[];
  /** An agent's login without the SDK. */
  readonly role: string;
  readonly person: string;
}

export async function createLogins(adminUrl: string): Promise<Logins & { drop(): Promise<void> }> {
  const id = randomBytes(4).toString('hex');
  const logins = { owner: `owner_${id}`, person: `alice_${id}`, role: `bot_${id}`, agents: [`agent0_${id}`, `agent1_${id}`] };
  const all = [logins.owner, logins.person, logins.role, ...logins.agents];
  await withClient(adminUrl, async (client) => {
    for (const login of all)
      await client.query(
        `CREATE ROLE ${login} LOGIN PASSWORD '${login}'; ALTER ROLE ${login} SET statement_timeout = '${STATEMENT_MS_MAX}ms'`,
      );
  });
  return { ...logins, drop: () => withClient(adminUrl, (client) => client.query(`DROP ROLE ${all.join(', ')}`)) };
}

/** Sources that the logins of agents may name: one prefix for agent 0, one for agents 1 and 2. */
export const prefixOf = (agent: number): string => (loginOf(agent) === 0 ? 'recant://solo' : 'recant://shared');

/** One captured database, for one history after the other. */
export interface Target {
  readonly system: string;
  readonly url: string;
  readonly logins: Logins;
  /** May read and write everything. */
  readonly admin: Client;
  readonly owner: Client;
  /** Connections of agents on which they open and settle attempts. */
  speaker(agent: number): Client;
  /** @param pooled through the pooler */
  connect(actor: Actor, pooled: boolean): Promise<Client>;
  release(actor: Actor, pooled: boolean, client: Client): void;
  preparedName(transaction: number): string;
  /** Brings the capture to its limit, or back. */
  limit(reached: boolean): Promise<void>;
  /** The rows of the start; connections and prepared transactions of the last history are gone. */
  reset(): Promise<void>;
  drop(): Promise<void>;
}

/** @param through the address of a login's pooled connections, given the one of the server */
export async function createTarget(adminUrl: string, logins: Logins, through: (url: string) => string): Promise<Target> {
  const database = `history_${randomBytes(5).toString('hex')}`;
  const urlAs = (login: string) => {
    const url = Object.assign(new URL(adminUrl), { username: login, password: login });
    url.pathname = `/${database}`;
    return url.href;
  };
  const agentLogins = [...logins.agents, logins.role];
  const own = Object.assign(new URL(adminUrl), { pathname: `/${database}` }).href;
  await withClient(adminUrl, (client) => client.query(`CREATE DATABASE ${database} OWNER ${logins.owner}`));
  const url = urlAs(logins.owner);
  const owner = await connected(url);
  const admin = await connected(own);
  await admin.query('CREATE EXTENSION citext');
  await owner.query(SCHEMA_SQL);
  await owner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${[logins.person, ...agentLogins].join(', ')}`);
  const agentRoles = [...logins.agents.map((role, n) => ({ role, sourcePrefix: prefixOf(n) })), logins.role];
  await preparePostgres({ url, system: database, agentRoles, tables: CAPTURED, history: HISTORY });
  await owner.query(`SET lock_timeout = '${ALTER_MS_MAX}ms'`);
  await admin.query('SET session_replication_role = replica');
  const [former] = (await admin.query('SELECT queue_agents_max AS agents, queue_max AS everyone FROM recant.system')).rows;
  const speakers = await Promise.all(logins.agents.map((login) => connected(urlAs(login))));
  const clients = new Set<Client>();
  const idle = new Map<string, Client[]>();
  const prepared: string[] = [];
  const loginOfActor = (actor: Actor): string => {
    if (actor.is === 'agent') return logins.agents[loginOf(actor.agent)] ?? '';
    return actor.is === 'role' ? logins.role : logins.person;
  };
  const urlOf = (actor: Actor, pooled: boolean): string => {
    const own = urlAs(loginOfActor(actor));
    return pooled ? through(own) : own;
  };
  const end = (client: Client): Promise<void> => {
    clients.delete(client);
    return client.end();
  };
  const clear = async () => {
    const kept = new Set([...idle.values()].flat());
    await Promise.all([...clients].filter((client) => !kept.has(client)).map((client) => end(client)));
    for (const name of prepared.splice(0)) await admin.query(`ROLLBACK PREPARED '${name}'`).catch(() => undefined);
  };
  return {
    system: database,
    url,
    logins,
    admin,
    owner,
    speaker: (agent) => speakers[loginOf(agent)] as Client,
    async connect(actor, pooled) {
      const url = urlOf(actor, pooled);
      const client = idle.get(url)?.pop() ?? (await connected(url));
      clients.add(client);
      return client;
    },
    release(actor, pooled, client) {
      const url = urlOf(actor, pooled);
      idle.set(url, [...(idle.get(url) ?? []), client]);
    },
    preparedName(transaction) {
      const name = `${database}_${transaction}`;
      prepared.push(name);
      return name;
    },
    async limit(reached) {
      const [agents, everyone] = reached ? [0, 0] : [former.agents, former.everyone];
      await admin.query('UPDATE recant.system SET queue_agents_max = $1, queue_max = $2', [agents, everyone]);
      await admin.query(reached ? `SELECT setval('recant.queue_level', 3)` : 'SELECT recant.absorb()');
    },
    async reset() {
      await clear();
      await admin.query(`BEGIN; ${RESET_SQL}; COMMIT`);
    },
    async drop() {
      await clear();
      await Promise.all([owner, admin, ...speakers, ...clients].map((client) => client.end()));
      await withClient(adminUrl, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
    },
  };
}

async function connected(url: string): Promise<Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = await connected(url);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
