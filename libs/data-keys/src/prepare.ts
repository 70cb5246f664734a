import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { DataKeysError } from './error.ts';

/** Held while the table is made, so that replicas that start at once do it one after the other. Any fixed number. */
const PREPARE_LOCK = 7_267_143_202;
const PREPARED = `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'recant_keys' AND c.relname = 'data_key_subject_idx'`;
/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = '42501';

/**
 * Makes the table of keys where it is missing. Idempotent.
 * @param url of whoever may make a schema in that database. @param service a login that is to work with it, where it is another one
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
      'The database of RECANT_KEYS_DATABASE_URL has no table of keys, and its login may not make one: run libs/data-keys/src/schema.sql there as its owner, and grant as its README says.',
      { cause },
    );
  } finally {
    await client.end();
  }
}

/** Adds, finds, and destroys; nothing is ever deleted. */
function grantsTo(login: string): string {
  return `GRANT USAGE ON SCHEMA recant_keys TO ${login};
    GRANT SELECT, INSERT ON recant_keys.data_key TO ${login};
    GRANT UPDATE (wrapped, destroyed_at) ON recant_keys.data_key TO ${login}`;
}
