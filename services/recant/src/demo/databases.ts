/** Two equal shop databases beside Recant's own, and a login without ownership for each agent. */
import { randomBytes } from 'node:crypto';
import { preparePostgres } from '@recant/connector-postgres';
import pg from 'pg';
import { SHOP_SCHEMA, SHOP_TABLES } from './shop.ts';

export interface Shops {
  /** Login of the owner. */
  readonly shopUrl: string;
  readonly controlUrl: string;
  readonly password: string;
}

export async function makeShops(ownerUrl: string, logins: readonly string[]): Promise<Shops> {
  const password = randomBytes(18).toString('base64url');
  await withClient(ownerUrl, async (owner) => {
    for (const login of logins) await owner.query(`CREATE ROLE ${login} LOGIN PASSWORD '${password}'`);
    for (const name of ['shop', 'control']) await owner.query(`CREATE DATABASE ${name}`);
  });
  const [shopUrl, controlUrl] = [databaseUrl(ownerUrl, 'shop'), databaseUrl(ownerUrl, 'control')];
  for (const url of [shopUrl, controlUrl]) {
    await withClient(url, async (owner) => {
      await owner.query(SHOP_SCHEMA);
      await owner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${Object.keys(SHOP_TABLES).join(', ')} TO ${logins.join(', ')}`);
    });
  }
  await preparePostgres({ url: shopUrl, system: 'shop', agentRoles: [...logins] });
  return { shopUrl, controlUrl, password };
}

/** Address of the shop with the login of an agent. */
export function agentUrl(shops: Shops, login: string): string {
  const url = new URL(shops.shopUrl);
  url.username = login;
  url.password = shops.password;
  return url.href;
}

function databaseUrl(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

async function withClient(connectionString: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
