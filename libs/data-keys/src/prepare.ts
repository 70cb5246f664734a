import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { DataKeysError } from './error.ts';

/** Advisory lock that serialises replicas creating the table. Any fixed number. */
const PREPARE_LOCK = 7_267_143_202;
const PREPARED = `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'recant_keys' AND c.relname = 'data_key_subject_idx'`;
/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = '42501';

/**
 * Creates the key table if it is missing. Idempotent.
 * @param url of a login that can create a schema in the database @param service login of the service, if different
 * @throws DataKeysError `unprepared`
 */
export async function prepareDataKeys(url: string, service?: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    if ((await client.query(PREPARED)).rowCount === 0) {
      await client.query('SELECT pg_advisory_lock($1)', [PREPARE_LOCK]);
      await client.query(await readFile(new URL('./schema.sql', import.meta.url), 'utf8'));
    }
    if (service !== undefined) await client.query(grantsTo(client.escapeIdentifier(service)));
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== NOT_ALLOWED) throw cause;
    throw new DataKeysError(
      'unprepared',
      'The database of RECANT_KEYS_DATABASE_URL has no key table, and its login cannot create one: run libs/data-keys/src/schema.sql as the owner, and the grants in libs/data-keys/README.md.',
      { cause },
    );
  } finally {
    await client.end();
  }
}

/** Rights to add, read and destroy keys, but not to delete rows. */
function grantsTo(login: string): string {
  return `GRANT USAGE ON SCHEMA recant_keys TO ${login};
    GRANT SELECT, INSERT ON recant_keys.data_key TO ${login};
    GRANT UPDATE (wrapped, destroyed_at) ON recant_keys.data_key TO ${login}`;
}
