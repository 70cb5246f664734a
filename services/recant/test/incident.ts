/** The incident of a bad agent on a real database and folder, beside another agent and a person, with `recant up` in a process of its own. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { postgresSystem } from '@recant/connector-postgres';
import { createRecant, type Recant } from '@recant/sdk';
import { testDatabase } from '@recant/test-support';
import pg from 'pg';
import { type Ended, recantHere, type TypedTerminal, temporaryFolder, up } from './process.ts';

const SCHEMA = `
  CREATE TABLE customers (id int PRIMARY KEY, email text UNIQUE NOT NULL, plan text NOT NULL, credit int NOT NULL);
  CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers ON DELETE CASCADE, cents int NOT NULL);
  INSERT INTO customers SELECT n, 'c' || n || '@example.com', 'paid', n FROM generate_series(1, 500) n;
  INSERT INTO orders SELECT n, 1 + n % 500, 100 * n FROM generate_series(1, 1500) n;
  CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200'; END $$`;
const FILES = ['a.txt', 'b.txt', 'sub/c.txt'];

export interface Agent {
  readonly recant: Recant;
  sql(tool: string, statement: string): Promise<void>;
  remove(file: string): Promise<void>;
  close(): Promise<void>;
}

/** @param names of agents, each with a login of its own */
export async function setIncident(names: readonly string[]) {
  const folder = await temporaryFolder();
  const [root, store, dir] = [join(folder.path, 'docs'), join(folder.path, 'images'), join(folder.path, '.recant')];
  await mkdir(join(root, 'sub'), { recursive: true });
  for (const file of FILES) await writeFile(join(root, file), `${file}\n`);
  const database = await testDatabase();
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 }).on('error', () => undefined);
  await owner.query(SCHEMA);
  const suffix = randomBytes(4).toString('hex');
  const roleOf = (name: string): string => `${name.replaceAll('-', '_')}_${suffix}`;
  const roles = names.map(roleOf);
  for (const role of roles)
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'; GRANT SELECT, INSERT, UPDATE, DELETE ON customers, orders TO ${role}`);
  const service = await up(folder.path);
  const apiKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const run = (args: readonly string[], terminal?: TypedTerminal, env: Record<string, string> = {}, signal?: AbortSignal): Promise<Ended> =>
    recantHere(dir, args, signal, undefined, { env, ...(terminal && { terminal }) });
  const url = join(folder.path, 'owner.url');
  await writeFile(url, `${database.ownerUrl}\n`);
  const connected = [
    await run(['connect', 'filesystem', 'docs', '--root', root, '--store', store]),
    await run(['connect', 'postgres', 'shop', '--database-file', url, ...roles.flatMap((role) => ['--agent-role', role])]),
  ];
  for (const { code, err } of connected) if (code !== 0) throw new Error(err);

  const agents: Agent[] = [];
  return {
    dir,
    service,
    owner,
    run,
    async agent(name: string): Promise<Agent> {
      const role = roleOf(name);
      const pool = new pg.Pool({
        connectionString: Object.assign(new URL(database.ownerUrl), { username: role, password: role }).href,
        max: 1,
      });
      pool.on('error', () => undefined);
      const [shop, docs] = [postgresSystem({ name: 'shop', pool }), filesystemSystem({ name: 'docs', root, store })];
      const recant = createRecant({ url: service.url, apiKey, agent: name, systems: [shop, docs] });
      await recant.open();
      const agent: Agent = {
        recant,
        sql: (tool, statement) =>
          recant.action(tool, {}, (context) => context.on(shop).transaction(async (tx) => void (await tx.query(statement)))),
        remove: (file) => recant.action('delete_file', { file }, (context) => context.on(docs).remove(file)),
        async close() {
          agents.splice(agents.indexOf(agent), 1);
          await recant.close().catch(() => undefined);
          await docs.close();
          await pool.end();
        },
      };
      agents.push(agent);
      return agent;
    },
    /** Every row and file. */
    async state(): Promise<ReadonlyMap<string, string>> {
      const state = new Map<string, string>();
      for (const table of ['customers', 'orders']) {
        const { rows } = await owner.query<{ id: number; row: string }>(`SELECT id, t::text AS row FROM ${table} t ORDER BY id`);
        for (const { id, row } of rows) state.set(`${table}/${id}`, row);
      }
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true }))
        if (entry.isFile()) state.set(entry.name, await readFile(join(entry.parentPath, entry.name), 'utf8'));
      return state;
    },
    async [Symbol.asyncDispose]() {
      for (const agent of [...agents]) await agent.close();
      await service.end('SIGTERM');
      await owner.end();
      await database.drop();
      await folder.remove();
    },
  };
}
export type Incident = Awaited<ReturnType<typeof setIncident>>;

/** Rows and files that differ. */
export function differences(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key)).sort();
}
