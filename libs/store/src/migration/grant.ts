import pg from 'pg';
import { StoreError } from '../error.ts';

/** What is written once and never again (DESIGN: entries never change): the services may add to it and read it. */
const APPEND_ONLY = [
  ...['entry', 'dead_letter', 'attempt', 'settlement', 'effect', 'part'],
  ...['checkpoint', 'anchored', 'cosignature', 'epoch', 'ledger_head', 'head_member'],
];

/**
 * Lets a login that owns nothing work as the services do. Called by the owner after `migrate`, so that new tables are granted too. Idempotent.
 * @throws StoreError `migration_failed`
 */
export async function grantServiceRole(ownerConnectionString: string, role: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerConnectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    const to = client.escapeIdentifier(role);
    const appendOnly = APPEND_ONLY.map((table) => `recant.${client.escapeIdentifier(table)}`).join(', ');
    await client.query(`GRANT USAGE ON SCHEMA recant TO ${to}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA recant TO ${to}`);
    await client.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA recant TO ${to}`);
    await client.query(`REVOKE UPDATE, DELETE ON ${appendOnly} FROM ${to}`);
  } catch (cause) {
    throw new StoreError('migration_failed', `The login ${role} could not be given its rights: ${(cause as Error).message}`, { cause });
  } finally {
    await client.end();
  }
}
