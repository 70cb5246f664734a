import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { checkConnection } from '../connection.ts';
import { prismaFolder } from './engine.ts';
import { READER_ROLE, WRITER_ROLE } from './roles.ts';

/** Milliseconds for one statement. */
const STATEMENT_MS = 5_000;

/** What a login sees of the ledger's database. */
export interface DatabaseFacts {
  /** `server_version_num`: 180001 is 18.1. */
  readonly version: number;
  /** Server's clock minus this machine's, in milliseconds; `clockErrorMs` is half the round trip. */
  readonly clockOffsetMs: number;
  readonly clockErrorMs: number;
  readonly login: string;
  readonly superuser: boolean;
  /** Service roles that the login lacks. */
  readonly missingRoles: readonly string[];
  /** `table.column` that this version of Recant has and the database lacks, and the other way round. */
  readonly missingColumns: readonly string[];
  readonly unknownColumns: readonly string[];
}

const FACTS = `SELECT current_setting('server_version_num')::int AS version, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms, session_user AS login,
  (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) AS superuser,
  ARRAY(SELECT r FROM unnest($1::text[]) r WHERE NOT coalesce((SELECT pg_catalog.pg_has_role(session_user, o.oid, 'MEMBER') FROM pg_catalog.pg_roles o WHERE o.rolname = r), false)) AS missing_roles`;
const COLUMNS = `SELECT c.relname || '.' || a.attname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = to_regnamespace('recant') AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`;

/** Compares a database with this version of Recant. Needs no rights but to connect. @param clock milliseconds since 1970, UTC @throws StoreError if it is unreachable or refuses the login */
export async function diagnoseDatabase(connectionString: string, clock: () => number): Promise<DatabaseFacts> {
  await checkConnection(connectionString);
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: STATEMENT_MS, query_timeout: STATEMENT_MS });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('SELECT 1');
    const sentMs = clock();
    const { version, now_ms, login, superuser, missing_roles } = (await client.query(FACTS, [[WRITER_ROLE, READER_ROLE]])).rows[0];
    const receivedMs = clock();
    const found = new Set((await client.query<{ name: string }>(COLUMNS)).rows.map(({ name }) => name));
    const expected = columnsIn(await readFile(new URL('schema.sql', prismaFolder), 'utf8'));
    return {
      version,
      clockOffsetMs: Number(now_ms) - (sentMs + receivedMs) / 2,
      clockErrorMs: (receivedMs - sentMs) / 2,
      login,
      superuser,
      missingRoles: missing_roles,
      missingColumns: [...expected].filter((name) => !found.has(name)),
      unknownColumns: [...found].filter((name) => !expected.has(name)),
    };
  } finally {
    await client.end();
  }
}

/** Columns of the tables that a dump creates. */
function columnsIn(dump: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, table, columns = ''] of dump.matchAll(/^CREATE TABLE recant\."?(\w+)"? \(\n([\s\S]*?)\n\)/gm))
    for (const [, column] of columns.matchAll(/^ {4}"?(\w+)"? /gm)) names.add(`${table}.${column}`);
  return names;
}
