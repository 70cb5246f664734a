import { randomBytes } from 'node:crypto';
import { type PostgresSystem, postgresSystem, preparePostgres } from '@recant/connector-postgres';
import { createRecant, type Recant, type Transport } from '@recant/sdk';
import pg from 'pg';

/** A tool that writes through a recorded client. `id`s are rows of `items`; each function adds 1 to the rows that it changes for good. */
export interface Tool {
  read(id: number): Promise<unknown>;
  write(id: number): Promise<unknown>;
  /** In one transaction. */
  both(first: number, second: number): Promise<unknown>;
  /** Writes in a transaction and rolls it back: rejects. */
  undone(id: number): Promise<unknown>;
  /** In one transaction: `lost` is rolled back to a savepoint. */
  savepoint(kept: number, lost: number): Promise<unknown>;
  close(): Promise<unknown>;
}

/** A captured database, a login of an agent, and a recorder whose ledger acknowledges everything. */
export interface World extends AsyncDisposable {
  readonly recant: Recant;
  readonly system: PostgresSystem;
  readonly owner: pg.Pool;
  /** Address of the agent's login; through the proxy, if there is one. */
  readonly url: string;
}

const ACKNOWLEDGES: Transport = {
  send: async (items) => items.map(() => ({ kind: 'acknowledged' as const })),
  close: async () => undefined,
};

/** @param through turns the address of the database into that of a proxy in front of it */
export async function createWorld(
  database: { readonly ownerUrl: string; readonly role: string },
  through: (url: string) => string = (url) => url,
): Promise<World> {
  const { ownerUrl, role } = database;
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 2 });
  await owner.query(`CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO items SELECT g FROM generate_series(1, 200) g;
    CREATE ROLE ${role} LOGIN PASSWORD '${role}'; GRANT SELECT, UPDATE ON items TO ${role}`);
  await preparePostgres({ url: ownerUrl, system: 'shop', agentRoles: [role] });
  const url = through(Object.assign(new URL(ownerUrl), { username: role, password: role }).href);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const system = postgresSystem({ name: 'shop', pool });
  const recant = createRecant({ agent: 'bot', systems: [system], transport: ACKNOWLEDGES });
  return {
    recant,
    system,
    owner,
    url,
    async [Symbol.asyncDispose]() {
      await recant.close();
      await pool.end();
      await owner.end();
    },
  };
}

export const newRole = (): string => `orm_${randomBytes(4).toString('hex')}`;
