import { testDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createStore, grantServiceRole, migrate } from '../src/index.ts';
import { Lane, NOW_MS, submit } from './fixture.ts';

/** A server with another administrator: the login of DATABASE_URL is not a superuser and cannot create roles. The cluster has Recant's roles already. */
let database: Awaited<ReturnType<typeof testDatabase>>;
let admin: pg.Client;
let login: string;
let url: string;

beforeEach(async () => {
  database = await testDatabase();
  admin = new pg.Client({ connectionString: database.ownerUrl });
  await admin.connect();
  login = `login_${database.name}`;
  url = Object.assign(new URL(database.ownerUrl), { username: login, password: 'x' }).href;
  // The first migration in this cluster creates the roles.
  await using first = await testDatabase();
  await migrate(first.ownerUrl);
  await admin.query(
    `CREATE ROLE ${login} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE ${database.name} TO ${login}; GRANT CREATE ON SCHEMA public TO ${login}`,
  );
});
afterEach(async () => {
  await admin.end();
  await database.drop();
  const server = new pg.Client({ connectionString: Object.assign(new URL(database.ownerUrl), { pathname: '/postgres' }).href });
  await server.connect();
  await server.query(`DROP ROLE ${login}`);
  await server.end();
});

const open = (connectionString: string) => createStore({ connectionString, masterKey: new Uint8Array(32), clock: () => NOW_MS });

it('a login without roles gets an error that names them and who creates them; nothing is half created', async () => {
  const error = await migrate(url).catch((caught) => caught);
  expect(error).toMatchObject({ name: 'StoreError', code: 'roles_missing' });
  expect(error.message).toContain(`GRANT recant_migrator, recant_writer, recant_reader TO ${login}`);
  expect(error.message).not.toContain('\n');
  expect((await admin.query("SELECT 1 FROM pg_namespace WHERE nspname = 'recant'")).rows).toEqual([]);
});

it('one login without ownership migrates and serves, once an administrator granted it the roles', async () => {
  await admin.query(`GRANT recant_migrator, recant_writer, recant_reader TO ${login}`);
  expect((await migrate(url)).length).toBeGreaterThan(3);
  expect(await migrate(url)).toEqual([]);
  const { rows } = await admin.query(
    "SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'recant'::regnamespace",
  );
  expect(rows).toEqual([{ owner: 'recant_owner' }]);
  const store = open(url);
  const { credential } = await store.credentials.create({
    tenant: 'acme',
    roles: ['emit'],
    sourcePrefix: 'recant://acme',
    agents: ['*'],
    resources: [],
  });
  const { events } = new Lane('own').attempt();
  const receipts = await store.appender.append(events.map((event) => submit(credential, event)));
  expect(receipts.map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended']);
  expect((await store.queries.attempts('acme', { selection: {}, limit: 5, nowMs: NOW_MS })).attempts).toHaveLength(1);
  expect(await store.queries.logs('acme')).toHaveLength(1);
  await expect(store.pool.query('UPDATE recant.entry SET leaf = leaf')).rejects.toMatchObject({ code: '42501' });
  await store.close();
});

it('a login that cannot set the writer role is refused until it is granted', async () => {
  await migrate(database.ownerUrl);
  const refused = open(url);
  await expect(refused.ping()).rejects.toMatchObject({ code: 'roles_missing' });
  await refused.close();
  await grantServiceRole(database.ownerUrl, login);
  const store = open(url);
  await store.ping();
  await store.close();
});
