import pg from 'pg';
import { checkConnection } from '../connection.ts';
import { StoreError } from '../error.ts';
import { noFilters, openSchemaEngine, readGrants, readMigrations, readSchema } from './engine.ts';

/** Held while migrations are applied, so that replicas that start at once do it one after the other. Any fixed number. */
const MIGRATION_LOCK = 7_267_143_201;

/**
 * Brings the database to the newest schema and leaves ordinary rows in `_prisma_migrations`, so that `prisma migrate deploy` elsewhere carries on.
 * Idempotent; concurrent calls wait for each other.
 * @param connectionString of the role that owns the tables; services connect as `recant`, which is granted what it needs where it exists.
 * @returns names of the migrations that were applied now.
 * @throws StoreError `url_invalid | unreachable | access_refused | migration_failed`
 */
export async function migrate(connectionString: string): Promise<readonly string[]> {
  await checkConnection(connectionString);
  const lock = new pg.Client({ connectionString });
  lock.on('error', () => {});
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const { engine, close } = await openSchemaEngine(connectionString, await readSchema(), lock);
    try {
      const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList: await readMigrations(), filters: noFilters });
      await grantServiceRole(lock);
      return appliedMigrationNames;
    } finally {
      await close();
    }
  } catch (cause) {
    throw new StoreError('migration_failed', `The database schema could not be brought up to date: ${firstLine(cause)}`, { cause });
  } finally {
    await lock.end();
  }
}

/** Role that services connect as. */
const SERVICE_ROLE = 'recant';

async function grantServiceRole(client: pg.ClientBase): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1 AND rolname <> current_user', [SERVICE_ROLE]);
  if (rowCount === 1) await client.query(await readGrants());
}

/** The engine's reports have many lines: the one that names the database's error says most. */
function firstLine(cause: unknown): string {
  const lines = (cause instanceof Error ? cause.message : String(cause)).split('\n').map((line) => line.trim());
  return lines.find((line) => line.startsWith('Error querying the database')) ?? lines.find((line) => line !== '') ?? 'unknown error';
}
