import pg from 'pg';
import { StoreError } from '../error.ts';
import { readPrismaFile } from './engine.ts';

/** What services work as; set on every connection of the store. */
export const WRITER_ROLE = 'recant_writer';
/** What a tenant's questions are asked as, within one transaction. */
export const READER_ROLE = 'recant_reader';

/** A login of this name is let in by `migrate` itself: that of the embedded server. */
const SERVICE_LOGIN = 'recant';

/** Roles belong to the whole cluster and no lock reaches over databases: two that make the same one at once find it the second time. */
const TRIES_MAX = 5;
const MADE_MEANWHILE: ReadonlySet<unknown> = new Set(['42710', '23505', 'XX000']);

const MISSING = `SELECT count(*)::int AS roles, bool_or(rolname = '${WRITER_ROLE}' AND rolbypassrls) AS bypasses
  FROM pg_catalog.pg_roles WHERE rolname IN ('recant_owner', 'recant_migrator', '${WRITER_ROLE}', '${READER_ROLE}')`;

/**
 * Makes the roles where the cluster has none, and lets the login that migrates work with them.
 * @throws StoreError `roles_missing` where somebody else has to.
 */
export async function prepareRoles(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(MISSING);
  const login = (await client.query('SELECT session_user AS name')).rows[0].name as string;
  try {
    if (rows[0].roles !== 4 || rows[0].bypasses !== true) await repeat(async () => client.query(await readPrismaFile('roles.sql')));
    await letIn(client, login, ['recant_migrator', WRITER_ROLE, READER_ROLE]);
  } catch (cause) {
    if ((cause as { code?: string }).code !== '42501') throw cause;
    const message = `The login ${login} may not make or use Recant's roles: let a superuser run prisma/roles.sql and GRANT recant_migrator, ${WRITER_ROLE}, ${READER_ROLE} TO ${login}.`;
    throw new StoreError('roles_missing', message, { cause });
  }
}

/** After a migration: owner, rights and, where the login is a superuser, what keeps the owner from dropping things. */
export async function applyGrants(client: pg.ClientBase): Promise<void> {
  await client.query(await readPrismaFile('grants.sql'));
  const { rows } = await client.query(
    `SELECT rolsuper, EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${SERVICE_LOGIN}' AND NOT rolsuper) AS service
     FROM pg_catalog.pg_roles WHERE rolname = session_user`,
  );
  if (!rows[0].rolsuper) return;
  await client.query(await readPrismaFile('event-trigger.sql'));
  if (rows[0].service) await letIn(client, SERVICE_LOGIN, [WRITER_ROLE, READER_ROLE]);
}

/** Grants what the login is not a member of yet. */
async function letIn(client: pg.ClientBase, login: string, roles: readonly string[]): Promise<void> {
  const { rows } = await client.query(`SELECT r AS role FROM unnest($2::text[]) AS r WHERE NOT pg_catalog.pg_has_role($1, r, 'MEMBER')`, [
    login,
    roles,
  ]);
  for (const { role } of rows) await repeat(() => client.query(`GRANT ${role} TO ${client.escapeIdentifier(login)}`));
}

async function repeat(act: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await act();
      return;
    } catch (error) {
      if (tries === TRIES_MAX || !MADE_MEANWHILE.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

/**
 * Lets a login that owns nothing work as the services do. Called by who migrated, after it. Idempotent.
 * @throws StoreError `migration_failed`
 */
export async function grantServiceRole(ownerConnectionString: string, login: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerConnectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    await letIn(client, login, [WRITER_ROLE, READER_ROLE]);
  } catch (cause) {
    throw new StoreError('migration_failed', `The login ${login} could not be given its rights: ${(cause as Error).message}`, { cause });
  } finally {
    await client.end();
  }
}
