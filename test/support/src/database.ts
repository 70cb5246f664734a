import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { askServers } from './ask.ts';
import type { PostgresAddress } from './servers.ts';

export interface TestDatabase extends AsyncDisposable {
  name: string;
  /** URL for services: a role without ownership. */
  url: string;
  /** URL for migrations: the superuser. */
  ownerUrl: string;
  /** Drops the database and closes its connections, like `await using`. */
  drop(): Promise<void>;
}

/** A new empty database. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = await askServers<PostgresAddress>('/postgres');
  return makeDatabase(server);
}

/** A database with the ledger's migrations applied: a copy of one that is migrated once per run. */
export async function testLedgerDatabase(): Promise<TestDatabase> {
  const server = await askServers<PostgresAddress>('/postgres');
  await withClient(server.ownerUrl, ensureTemplate(server));
  return makeDatabase(server, TEMPLATE);
}

const TEMPLATE = 'ledger_template';
/** Any otherwise unused lock number: one of the concurrent test files migrates. */
const TEMPLATE_LOCK = 7_265_636_1;

function ensureTemplate(server: PostgresAddress): (client: pg.Client) => Promise<void> {
  return async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [TEMPLATE]);
    if (rowCount !== 0) return;
    await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE}_draft WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${TEMPLATE}_draft`);
    const { grantServiceRole, migrate } = await import('@recant/store');
    const draftUrl = withDatabase(server.ownerUrl, `${TEMPLATE}_draft`);
    await migrate(draftUrl);
    await grantServiceRole(draftUrl, new URL(server.url).username);
    await client.query(`ALTER DATABASE ${TEMPLATE}_draft RENAME TO ${TEMPLATE}`);
  };
}

/** Milliseconds that the sessions of a database have to end by themselves. */
const LEAVING_MS_MAX = 500;
const LEAVING_POLL_MS = 10;

async function makeDatabase(server: PostgresAddress, template?: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withClient(server.ownerUrl, (client) => client.query(`CREATE DATABASE ${name}${template ? ` TEMPLATE ${template}` : ''}`));
  const drop = async (): Promise<void> => {
    await withClient(server.ownerUrl, async (client) => {
      // A pool resolves its end before its sockets are closed, and then listens to no error of theirs.
      await client.query(`DO $$ BEGIN
        FOR i IN 1..${LEAVING_MS_MAX / LEAVING_POLL_MS} LOOP
          PERFORM pg_stat_clear_snapshot();
          EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '${name}');
          PERFORM pg_sleep(${LEAVING_POLL_MS / 1_000});
        END LOOP; END $$`);
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    });
  };
  return { name, url: withDatabase(server.url, name), ownerUrl: withDatabase(server.ownerUrl, name), drop, [Symbol.asyncDispose]: drop };
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
