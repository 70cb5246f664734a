import pg from 'pg';
import { checkConnection } from '../connection.ts';
import { StoreError } from '../error.ts';
import { noFilters, openSchemaEngine, readMigrations, readSchema } from './engine.ts';
import { applyGrants, prepareRoles } from './roles.ts';

/** Held while migrations are applied, so that replicas that start at once do it one after the other. Any fixed number. */
const MIGRATION_LOCK = 7_267_143_201;

/**
 * Brings the database to the newest schema and leaves ordinary rows in `_prisma_migrations`, so that `prisma migrate deploy` elsewhere carries on.
 * Idempotent; concurrent calls wait for each other.
 * @param connectionString of a superuser, or of a member of `recant_migrator`. Everything is handed over to `recant_owner`, whom nobody logs in as.
 * @returns names of the migrations that were applied now.
 * @throws StoreError `url_invalid | unreachable | access_refused | roles_missing | migration_failed`
 */
export async function migrate(connectionString: string): Promise<readonly string[]> {
  await checkConnection(connectionString);
  const lock = new pg.Client({ connectionString });
  lock.on('error', () => {});
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await prepareRoles(lock);
    const { engine, scriptFailure, close } = await openSchemaEngine(connectionString, await readSchema(), lock);
    try {
      const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList: await readMigrations(), filters: noFilters });
      await applyGrants(lock);
      return appliedMigrationNames;
    } catch (error) {
      throw scriptFailure() ?? error;
    } finally {
      await close();
    }
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError('migration_failed', `The database schema could not be brought up to date: ${firstLine(cause)}`, { cause });
  } finally {
    await lock.end();
  }
}

/** The engine's reports have many lines: the one that names the database's error says most. */
function firstLine(cause: unknown): string {
  const lines = (cause instanceof Error ? cause.message : String(cause)).split('\n').map((line) => line.trim());
  return lines.find((line) => line.startsWith('Error querying the database')) ?? lines.find((line) => line !== '') ?? 'unknown error';
}
