import { open } from 'node:fs/promises';
import { startPostgres } from '@recant/local-postgres';
import pg from 'pg';

/**
 * Writes every row of every database of a stopped server as text, because PostgreSQL compresses values in its files.
 * Bytes are written as hexadecimal digits, and as text where they are UTF-8.
 */
export async function dumpRows(dataDir: string, file: string): Promise<void> {
  const server = await startPostgres({ dataDir });
  const out = await open(file, 'wx');
  try {
    for (const database of await namesOf(server.ownerUrl, `SELECT datname AS name FROM pg_database WHERE datallowconn`)) {
      const client = new pg.Client({ connectionString: Object.assign(new URL(server.ownerUrl), { pathname: `/${database}` }).href });
      await client.connect();
      const { rows: tables } = await client.query(TABLES);
      for (const { name } of tables) {
        await out.write(`\n${database} ${name}\n`);
        const { rows } = await client.query({ text: `SELECT * FROM ${name}`, rowMode: 'array', types: { getTypeParser: () => asText } });
        for (const row of rows as (string | null)[][]) await out.write(`${row.map(legible).join('\t')}\n`);
      }
      await client.end();
    }
  } finally {
    await out.close();
    await server.stop();
  }
}

/** Includes the catalogue: comments, settings, statistics with column values. */
const TABLES = `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'm') AND relname <> 'pg_largeobject' ORDER BY 1`;

const asText = (value: string): string => value;

function legible(value: string | null): string {
  if (value === null) return '\\N';
  return /^\\x(?:[0-9a-f]{2})*$/.test(value) ? `${value} ${Buffer.from(value.slice(2), 'hex').toString('latin1')}` : value;
}

async function namesOf(connectionString: string, text: string): Promise<string[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
