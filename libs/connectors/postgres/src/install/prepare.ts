import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { ConnectorError } from '@recant/connector';
import { isSystemName } from '@recant/events';
import pg, { escapeIdentifier } from 'pg';
import { COLUMNS_MAX } from '../effect.ts';
import { partOfColumn } from '../resource.ts';
import { captureFunction, captureTriggers, functionName, keyPositions, TRIGGER_PREFIX } from './capture-sql.ts';
import { qualified, readCatalogue, type SkippedTable, type Table } from './catalogue.ts';
import { AGENT_FUNCTIONS, FUNCTIONS_SQL } from './functions-sql.ts';
import { LAYOUT, TABLES_SQL } from './schema-sql.ts';
import { waysRound } from './ways-round.ts';

export interface PrepareOptions {
  /** Connection URL of a login that owns the tables. */
  readonly url: string;
  /** Name of the system: the authority of its resource URIs. */
  readonly system: string;
  /** `schema.table`; default: every ordinary or partitioned table with a primary key outside system schemas. */
  readonly tables?: readonly string[];
  /** Logins of agents. A login given with a prefix may only name sources that start with it; any login keeps the sources it named first. */
  readonly agentRoles: readonly (string | { readonly role: string; readonly sourcePrefix: string })[];
  /** `schema.table.column` kept by triggers of the target: captured, but neither a part, nor guarded, nor written back. */
  readonly derived?: readonly string[];
  /** `schema.table` that only tell what happened: their rows are never undone. */
  readonly history?: readonly string[];
}

export interface PreparedTable {
  readonly table: string;
  readonly history: boolean;
  readonly derived: readonly string[];
}

export interface PrepareReport {
  readonly system: string;
  readonly layout: number;
  readonly tables: readonly PreparedTable[];
  /** Tables that are not captured, and why. */
  readonly skipped: readonly SkippedTable[];
  /** How an agent's login could write without being captured; empty: it cannot. */
  readonly waysRound: readonly string[];
}

/** One change of the target's capture at a time. */
const PREPARE_LOCK = 7_263_941_552_018n;

/** An SQLSTATE (28P01 invalid_password, 3D000 invalid_catalog_name, ...) means that the server was reached and refused. */
function whyNotConnected(cause: unknown): string {
  const { message, code } = cause as { message?: string; code?: string };
  if (cause instanceof pg.DatabaseError) return `The target database refused the login: ${message}`;
  return `Target database unreachable: ${message || code}`;
}

async function inTransaction<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'recant-prepare' });
  try {
    await client.connect();
  } catch (cause) {
    throw new ConnectorError('unreachable', whyNotConnected(cause), { cause });
  }
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [PREPARE_LOCK.toString()]);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // 42501 insufficient_privilege, 42704 undefined_object: a missing role.
    const { code, message } = error as { code?: string; message?: string };
    if (code !== '42501' && code !== '42704') throw error;
    throw new ConnectorError(
      'options_invalid',
      `The target refused: ${message}. Use a login that owns the tables, and existing roles for agents.`,
      {
        cause: error,
      },
    );
  } finally {
    await client.end();
  }
}

/** Installs or brings up to date the capture of one database, in one transaction. Safe to run again, also after tables changed. */
export async function preparePostgres(options: PrepareOptions): Promise<PrepareReport> {
  return inTransaction(options.url, async (client) => {
    const { tables, skipped } = await readCatalogue(client, COLUMNS_MAX);
    const wanted = chooseTables(options, tables, skipped);
    await client.query(`CREATE SCHEMA IF NOT EXISTS recant`);
    await client.query(TABLES_SQL);
    await writeSystem(client, options.system);
    await client.query(FUNCTIONS_SQL);
    await client.query(`UPDATE recant.system SET present = recant.version(inner_key, outer_key, 'exists', '') WHERE present IS NULL`);
    for (const table of wanted.tables) await captureTable(client, table, options);
    await releaseOthers(client, wanted.tables);
    await grant(client, options.agentRoles);
    const logins = options.agentRoles.map((agent) => (typeof agent === 'string' ? agent : agent.role));
    return {
      system: options.system,
      layout: LAYOUT,
      tables: wanted.tables.map((table) => ({
        table: nameOf(table),
        history: options.history?.includes(nameOf(table)) ?? false,
        derived: derivedOf(table, options),
      })),
      skipped: wanted.skipped,
      waysRound: await waysRound(client, logins, wanted.tables),
    };
  });
}

/** Removes triggers, functions and everything captured. What was captured can then no longer be undone. */
export async function unpreparePostgres({ url }: { readonly url: string }): Promise<void> {
  await inTransaction(url, async (client) => {
    const { rows } = await client.query<{ exists: boolean }>(`SELECT to_regclass('recant.relation') IS NOT NULL AS exists`);
    if (rows[0]?.exists) await releaseOthers(client, []);
    await client.query('DROP SCHEMA IF EXISTS recant CASCADE');
  });
}

const nameOf = (table: Table): string => `${table.schema}.${table.name}`;
const derivedOf = (table: Table, { derived = [] }: PrepareOptions): string[] =>
  table.columns
    .map((column) => column.name)
    .filter((column) => derived.includes(`${nameOf(table)}.${column}`) && !table.key.includes(column));

function chooseTables(
  options: PrepareOptions,
  tables: readonly Table[],
  skipped: readonly SkippedTable[],
): { tables: readonly Table[]; skipped: readonly SkippedTable[] } {
  const known = new Set(tables.map(nameOf));
  const columns = new Set(tables.flatMap((table) => table.columns.map((column) => `${nameOf(table)}.${column.name}`)));
  const problems = [
    ...(options.tables ?? [])
      .filter((name) => !known.has(name))
      .map((name) => `${name}: ${skipped.find((table) => table.table === name)?.reason ?? 'no such table'}`),
    ...(options.history ?? []).filter((name) => !known.has(name)).map((name) => `history ${name}: no such table`),
    ...(options.derived ?? []).filter((name) => !columns.has(name)).map((name) => `derived ${name}: no such column`),
    ...(isSystemName(options.system) ? [] : ['system: expected 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit']),
  ];
  if (problems.length > 0) throw new ConnectorError('options_invalid', problems.join('; '));
  if (options.tables === undefined) return { tables, skipped };
  const chosen = new Set(options.tables);
  return { tables: tables.filter((table) => chosen.has(nameOf(table))), skipped: [] };
}

async function writeSystem(client: pg.Client, name: string): Promise<void> {
  const key = Buffer.concat([randomBytes(32), Buffer.alloc(32)]);
  await client.query(
    `INSERT INTO recant.system (name, identity, inner_key, outer_key, layout) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (only_row) DO UPDATE SET layout = greatest(recant.system.layout, excluded.layout)`,
    [name, randomUUID(), key.map((byte) => byte ^ 0x36), key.map((byte) => byte ^ 0x5c), LAYOUT],
  );
  const { rows } = await client.query<{ name: string; layout: number }>('SELECT name, layout FROM recant.system');
  if (rows[0]?.name !== name)
    throw new ConnectorError('options_invalid', `Wrong system name: expected ${name}, the database is prepared as ${rows[0]?.name}.`);
  if (rows[0].layout > LAYOUT)
    throw new ConnectorError(
      'options_invalid',
      `The database was prepared by a newer version (layout ${rows[0].layout}). Update this one.`,
    );
}

async function captureTable(client: pg.Client, table: Table, options: PrepareOptions): Promise<void> {
  const history = options.history?.includes(nameOf(table)) ?? false;
  const relation = await idOf(
    client,
    `INSERT INTO recant.relation (relid, schema_name, table_name, history) VALUES ($1, $2, $3, $4)
     ON CONFLICT (schema_name, table_name) DO UPDATE SET relid = excluded.relid, history = excluded.history RETURNING id`,
    [table.relid, table.schema, table.name, history],
  );
  const derived = new Set(derivedOf(table, options));
  const names = table.columns.map((column) => column.name);
  const shape = await idOf(
    client,
    `INSERT INTO recant.shape (relation, columns, parts, types, derived, key_positions) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (relation, columns, types, derived, key_positions) DO UPDATE SET parts = excluded.parts RETURNING id`,
    [
      relation,
      names,
      names.map(partOfColumn),
      table.columns.map((column) => column.type),
      names.map((name) => derived.has(name)),
      keyPositions(table),
    ],
  );
  await client.query('UPDATE recant.relation SET shape = $2 WHERE id = $1', [relation, shape]);
  await client.query(captureFunction(table, { relation, shape }));
  await client.query(`REVOKE ALL ON FUNCTION ${functionName(relation)}() FROM PUBLIC`);
  await alignTriggers(client, table, captureTriggers(table, relation));
}

/** Creates what is missing and drops what is not wanted; triggers that are as they should be are not touched (each change locks the table). */
async function alignTriggers(
  client: pg.Client,
  table: Pick<Table, 'relid' | 'schema' | 'name'>,
  wanted: ReadonlyMap<string, string>,
): Promise<void> {
  const { rows } = await client.query<{ name: string; enabled: string; digest: string | null }>(
    `SELECT tgname AS name, tgenabled AS enabled, obj_description(oid, 'pg_trigger') AS digest FROM pg_trigger
     WHERE tgrelid = $1 AND NOT tgisinternal AND starts_with(tgname, $2)`,
    [table.relid, TRIGGER_PREFIX],
  );
  const there = new Map(rows.map((row) => [row.name, row]));
  const on = qualified(table);
  for (const name of there.keys()) {
    if (there.get(name)?.digest !== digestOf(wanted.get(name))) await client.query(`DROP TRIGGER ${escapeIdentifier(name)} ON ${on}`);
  }
  for (const [name, sql] of wanted) {
    const same = there.get(name)?.digest === digestOf(sql);
    if (!same) {
      await client.query(sql);
      await client.query(`COMMENT ON TRIGGER ${escapeIdentifier(name)} ON ${on} IS '${digestOf(sql)}'`);
    }
    if (!same || there.get(name)?.enabled !== 'A') await client.query(`ALTER TABLE ${on} ENABLE ALWAYS TRIGGER ${escapeIdentifier(name)}`);
  }
}

const digestOf = (sql: string | undefined): string =>
  sql === undefined ? '' : createHash('sha256').update(sql).digest('hex').slice(0, 32);

/** Tables that were captured once and are no longer wanted (or no longer there). Their captured rows stay. */
async function releaseOthers(client: pg.Client, wanted: readonly Table[]): Promise<void> {
  const { rows } = await client.query<{ id: number; relid: string; schema: string; name: string }>(
    `SELECT r.id, c.oid::int8 AS relid, n.nspname AS schema, c.relname AS name FROM recant.relation r
     LEFT JOIN pg_class c ON c.oid = r.relid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.shape IS NOT NULL AND r.relid <> ALL ($1::oid[])`,
    [wanted.map((table) => table.relid)],
  );
  for (const row of rows) {
    if (row.relid !== null) await alignTriggers(client, { ...row, relid: Number(row.relid) }, new Map());
    await client.query(`DROP FUNCTION IF EXISTS ${functionName(row.id)}()`);
    await client.query('UPDATE recant.relation SET shape = NULL WHERE id = $1', [row.id]);
  }
}

async function grant(client: pg.Client, agents: PrepareOptions['agentRoles']): Promise<void> {
  await client.query(
    'REVOKE ALL ON ALL TABLES IN SCHEMA recant FROM PUBLIC; REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recant FROM PUBLIC; DELETE FROM recant.agent',
  );
  for (const agent of agents) {
    const { role, sourcePrefix } = typeof agent === 'string' ? { role: agent, sourcePrefix: '' } : agent;
    await client.query(
      'INSERT INTO recant.agent VALUES ($1, $2) ON CONFLICT (login) DO UPDATE SET source_prefix = excluded.source_prefix',
      [role, sourcePrefix],
    );
    await client.query(`GRANT USAGE ON SCHEMA recant TO ${escapeIdentifier(role)}`);
    await client.query(`GRANT EXECUTE ON FUNCTION ${AGENT_FUNCTIONS.join(', ')} TO ${escapeIdentifier(role)}`);
  }
}

async function idOf(client: pg.Client, sql: string, values: unknown[]): Promise<number> {
  const { rows } = await client.query<{ id: number }>(sql, values);
  const id = rows[0]?.id;
  if (id === undefined) throw new ConnectorError('not_prepared', 'The capture schema returned no id.');
  return id;
}
