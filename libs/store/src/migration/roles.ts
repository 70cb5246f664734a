import pg from 'pg';
import { StoreError } from '../error.ts';
import { readPrismaFile } from './engine.ts';

/** Role of the services; set on every connection of the store. */
export const WRITER_ROLE = 'recant_writer';
/** Role of a tenant's reads, set within one transaction. */
export const READER_ROLE = 'recant_reader';

/** Login of the embedded server; `migrate` grants it the service roles. */
const SERVICE_LOGIN = 'recant';

/** Roles are cluster-wide and advisory locks per database: of two concurrent CREATE ROLEs one fails, and finds the role when retried. */
const TRIES_MAX = 5;
const CREATED_CONCURRENTLY: ReadonlySet<unknown> = new Set(['42710', '23505', 'XX000']);

const MISSING = `SELECT count(*)::int AS roles, bool_or(rolname = '${WRITER_ROLE}' AND rolbypassrls) AS bypasses
  FROM pg_catalog.pg_roles WHERE rolname IN ('recant_owner', 'recant_migrator', '${WRITER_ROLE}', '${READER_ROLE}')`;

/**
 * Creates the roles if they are missing and grants them to the migrating login.
 * @throws StoreError `roles_missing` if the login lacks the privileges for it
 */
export async function prepareRoles(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(MISSING);
  const login = (await client.query('SELECT session_user AS name')).rows[0].name as string;
  try {
    if (rows[0].roles !== 4 || rows[0].bypasses !== true) await retry(async () => client.query(await readPrismaFile('roles.sql')));
    await grantMissing(client, login, ['recant_migrator', WRITER_ROLE, READER_ROLE]);
  } catch (cause) {
    if ((cause as { code?: string }).code !== '42501') throw cause;
    const message = `Login ${login} cannot create or use Recant's roles: as a superuser run prisma/roles.sql and GRANT recant_migrator, ${WRITER_ROLE}, ${READER_ROLE} TO ${login}.`;
    throw new StoreError('roles_missing', message, { cause });
  }
}

/** Run after migrations: sets owner and privileges and, as a superuser, the event triggers that prevent the owner from dropping objects. */
export async function applyGrants(client: pg.ClientBase): Promise<void> {
  await client.query(await readPrismaFile('grants.sql'));
  const { rows } = await client.query(
    `SELECT rolsuper, EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${SERVICE_LOGIN}' AND NOT rolsuper) AS service
     FROM pg_catalog.pg_roles WHERE rolname = session_user`,
  );
  if (!rows[0].rolsuper) return;
  await client.query(await readPrismaFile('event-trigger.sql'));
  if (rows[0].service) await grantMissing(client, SERVICE_LOGIN, [WRITER_ROLE, READER_ROLE]);
}

/** Grants the roles that the login is not a member of yet. */
async function grantMissing(client: pg.ClientBase, login: string, roles: readonly string[]): Promise<void> {
  const { rows } = await client.query(`SELECT r AS role FROM unnest($2::text[]) AS r WHERE NOT pg_catalog.pg_has_role($1, r, 'MEMBER')`, [
    login,
    roles,
  ]);
  for (const { role } of rows) await retry(() => client.query(`GRANT ${role} TO ${client.escapeIdentifier(login)}`));
}

async function retry(act: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await act();
      return;
    } catch (error) {
      if (tries === TRIES_MAX || !CREATED_CONCURRENTLY.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

/**
 * Grants the service roles to a login that owns nothing. Run with the owner's connection after `migrate`. Idempotent.
 * @throws StoreError `migration_failed`
 */
export async function grantServiceRole(ownerConnectionString: string, login: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerConnectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    await grantMissing(client, login, [WRITER_ROLE, READER_ROLE]);
  } catch (cause) {
    throw new StoreError('migration_failed', `Could not grant the service roles to login ${login}: ${(cause as Error).message}`, { cause });
  } finally {
    await client.end();
  }
}
