import { randomBytes } from 'node:crypto';
import { preparePostgres } from '@recant/connector-postgres';
import pg, { type Client } from 'pg';
import { type Actor, loginOf } from './elements.ts';
import { type Names, type Rows, readRows, startNames } from './record.ts';
import { CAPTURED, CHANGING, HISTORY, resetSql, SCHEMA_SQL, TABLES } from './schema.ts';

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
  /** Text of each table at the start. */
  readonly start: ReadonlyMap<string, string>;
  /** Of the tables, before a history. */
  startNames(): Names;
  /** A history has altered its table. @returns false if no other copy of it is left */
  alter(): boolean;
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
  /** Its connections. */
  close(): Promise<void>;
  drop(): Promise<void>;
}

/** A database as \`connect\` leaves it, of which targets are copies. */
export interface Template {
  readonly database: string;
  drop(): Promise<void>;
}

export async function createTemplate(adminUrl: string, logins: Logins): Promise<Template> {
  const database = `template_${randomBytes(5).toString('hex')}`;
  const agentLogins = [...logins.agents, logins.role];
  await withClient(adminUrl, (client) => client.query(`CREATE DATABASE ${database} OWNER ${logins.owner}`));
  await withClient(addressOf(adminUrl, database), (client) => client.query('CREATE EXTENSION citext'));
  const url = addressOf(adminUrl, database, logins.owner);
  const all = [logins.person, ...agentLogins].join(', ');
  await withClient(url, (client) =>
    client.query(`${SCHEMA_SQL}\n; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${all}`),
  );
  const agentRoles = [...logins.agents.map((role, n) => ({ role, sourcePrefix: prefixOf(n) })), logins.role];
  await preparePostgres({ url, system: database, agentRoles, tables: CAPTURED, history: HISTORY });
  return { database, drop: () => withClient(adminUrl, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`)) };
}

const addressOf = (adminUrl: string, database: string, login?: string): string =>
  Object.assign(new URL(adminUrl), { pathname: `/${database}`, ...(login && { username: login, password: login }) }).href;

/** @param through the address of a login's pooled connections, given the one of the server */
export async function createTarget(
  adminUrl: string,
  logins: Logins,
  template: Pick<Template, 'database'>,
  through: (url: string) => string,
): Promise<Target> {
  const database = `history_${randomBytes(5).toString('hex')}`;
  await withClient(adminUrl, (client) => client.query(`CREATE DATABASE ${database} OWNER ${logins.owner} TEMPLATE ${template.database}`));
  // A system of its own, as if it had been connected under this name.
  await withClient(addressOf(adminUrl, database), (client) =>
    client.query('UPDATE recant.system SET name = $1, identity = gen_random_uuid()', [database]),
  );
  // A selection may name a login only once the ledger knows it.
  await withClient(addressOf(adminUrl, database, logins.role), (client) => client.query('UPDATE item SET qty = qty WHERE id = 1'));
  return openTarget(adminUrl, logins, database, through);
}

/** Connections to a target that is there. @param start its tables before the first history; default: as they are now */
export async function openTarget(
  adminUrl: string,
  logins: Logins,
  database: string,
  through: (url: string) => string,
  start?: Target['start'],
): Promise<Target> {
  const urlAs = (login: string) => addressOf(adminUrl, database, login);
  const url = urlAs(logins.owner);
  const owner = await connected(url);
  const admin = await connected(addressOf(adminUrl, database));
  await owner.query(`SET lock_timeout = '${ALTER_MS_MAX}ms'`);
  await admin.query('SET session_replication_role = replica');
  const [former] = (await admin.query('SELECT queue_agents_max AS agents, queue_max AS everyone FROM recant.system')).rows;
  let altered = 0;
  const changing = () => CHANGING[altered] as string;
  const first = start ?? contentOf(await readRows(admin, startNames(changing())));
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
  const close = async () => {
    await clear();
    await Promise.all([owner, admin, ...speakers, ...clients].map((client) => client.end()));
  };
  return {
    system: database,
    start: first,
    url,
    logins,
    admin,
    owner,
    startNames: () => startNames(changing()),
    alter() {
      altered += 1;
      return altered < CHANGING.length;
    },
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
      const { tables } = startNames(changing());
      const now = contentOf(await readRows(admin, startNames(changing())));
      const changed = TABLES.filter(({ name }) => now.get(name) !== first.get(name));
      if (changed.length > 0) await admin.query(`BEGIN; ${resetSql(changed, tables)} COMMIT`);
    },
    close,
    async drop() {
      await close();
      await withClient(adminUrl, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
    },
  };
}

/** Text of each table, without versions of rows. */
function contentOf(rows: Rows): ReadonlyMap<string, string> {
  const lines = new Map<string, string[]>();
  for (const { table, cells } of rows.values()) {
    const line = JSON.stringify([...cells]);
    const known = lines.get(table);
    if (known === undefined) lines.set(table, [line]);
    else known.push(line);
  }
  return new Map([...lines].map(([table, all]) => [table, all.sort().join('\n')]));
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
