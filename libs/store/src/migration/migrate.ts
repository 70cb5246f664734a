import pg from 'pg';
import { checkConnection } from '../connection.ts';
import { StoreError } from '../error.ts';
import { noFilters, openSchemaEngine, readMigrations, readSchema } from './engine.ts';
import { applyGrants, prepareRoles } from './roles.ts';

/** Advisory lock held while migrations are applied: serialises replicas that start together. Any fixed number. */
const MIGRATION_LOCK = 7_267_143_201;

/**
 * Applies pending migrations and records them in `_prisma_migrations`, so that `prisma migrate deploy` remains usable.
 * Idempotent; concurrent calls wait for each other.
 * @param connectionString of a superuser, or of a member of `recant_migrator`. All objects are then owned by `recant_owner`, a role without login.
 * @returns names of the migrations applied by this call
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
    throw new StoreError('migration_failed', `Database migration failed: ${firstLine(cause)}`, { cause });
  } finally {
    await lock.end();
  }
}

/** The engine's errors have many lines: prefers the one with the database's error. */
function firstLine(cause: unknown): string {
  const lines = (cause instanceof Error ? cause.message : String(cause)).split('\n').map((line) => line.trim());
  return lines.find((line) => line.startsWith('Error querying the database')) ?? lines.find((line) => line !== '') ?? 'unknown error';
}
