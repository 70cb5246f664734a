import pg from 'pg';

/** Login of the services; its rights come from the migrations. */
export const SERVICE_ROLE = 'recant';

/** Creates the service's role and the database if they are missing. Idempotent; the caller holds the folder's lock, so calls are not concurrent. */
export async function prepareDatabase(ownerUrl: string, database: string, servicePassword: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    const role = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [SERVICE_ROLE]);
    if (role.rowCount === 0) {
      await client.query(`CREATE ROLE ${SERVICE_ROLE} LOGIN PASSWORD ${client.escapeLiteral(servicePassword)}`);
    }
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}
