import { randomBytes, randomUUID } from 'node:crypto';
import { ConnectorError } from '@recant/connector';
import { isSystemName } from '@recant/events';
import pg, { escapeIdentifier } from 'pg';
import { COLUMNS_MAX } from '../effect.ts';
import { ABSORB_FUNCTIONS_SQL } from './absorb-sql.ts';
import { AGENT_FUNCTIONS, AGENT_FUNCTIONS_SQL } from './agent-sql.ts';
import { readCatalogue, type SkippedTable, type Table } from './catalogue.ts';
import { type DerivedColumn, findDerived } from './derived.ts';
import { LAYOUT, TABLES_SQL } from './tables-sql.ts';
import { TRIGGER_FUNCTIONS_SQL } from './trigger-sql.ts';
import { captureTable, releaseOthers } from './triggers.ts';
import { waysRound } from './ways-round.ts';

export interface PrepareOptions {
  /** Connection URL of a login that owns the tables. */
  readonly url: string;
  /** Name of the system: the authority of its resource URIs. */
  readonly system: string;
  /** `schema.table`; default: every ordinary or partitioned table outside system schemas. */
  readonly tables?: readonly string[];
  /** Logins of agents. A login with a prefix may only name sources that start with it; any login keeps the sources it named first. */
  readonly agentRoles: readonly (string | { readonly role: string; readonly sourcePrefix: string })[];
  /** `schema.table.column` that the target computes, beside those that are recognised: neither a part, nor guarded, nor written back. */
  readonly derived?: readonly string[];
  /** `schema.table.column` that are recognised as derived and are not: guarded and written back like any other. */
  readonly notDerived?: readonly string[];
  /** `schema.table` of append-only records of what happened: their rows are never undone. */
  readonly history?: readonly string[];
}

export interface PreparedTable {
  readonly table: string;
  /** Columns that identify a row. Empty: changes are counted and cannot be undone. */
  readonly key: readonly string[];
  readonly history: boolean;
  readonly derived: readonly DerivedColumn[];
}

export interface PrepareReport {
  readonly system: string;
  readonly layout: number;
  readonly tables: readonly PreparedTable[];
  /** Tables that are not captured, and why. */
  readonly skipped: readonly SkippedTable[];
  /** Captured tables that an undo cannot write, and why. */
  readonly limited: readonly SkippedTable[];
  /** How an agent's login could write without being captured; empty: it cannot. */
  readonly waysRound: readonly string[];
}

/** Two preparations of one target run one after the other. */
const PREPARE_LOCK = 7_263_941_552_018n;

/** A server that answers with an SQLSTATE (28P01 invalid_password, 3D000 invalid_catalog_name, ...) is reachable and says why it refuses. */
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
      { cause: error },
    );
  } finally {
    await client.end();
  }
}

/** Installs or upgrades the capture of one database, in one transaction. Safe to run again, also after tables changed. */
export async function preparePostgres(options: PrepareOptions): Promise<PrepareReport> {
  return inTransaction(options.url, async (client) => {
    const { tables, skipped } = await readCatalogue(client, COLUMNS_MAX);
    const wanted = chooseTables(options, tables, skipped);
    const derived = await derivedColumns(client, wanted.tables, options);
    await client.query(`CREATE SCHEMA IF NOT EXISTS recant`);
    await refuseOlderLayout(client);
    await client.query(TABLES_SQL);
    await writeSystem(client, options.system);
    await client.query(TRIGGER_FUNCTIONS_SQL + AGENT_FUNCTIONS_SQL + ABSORB_FUNCTIONS_SQL);
    await client.query(`UPDATE recant.system SET present = recant.version(inner_key, outer_key, 'exists', '') WHERE present IS NULL`);
    for (const table of wanted.tables) {
      const names = (derived.get(table.relid) ?? []).map(({ column }) => column);
      await captureTable(client, table, { history: options.history?.includes(nameOf(table)) ?? false, derived: names });
    }
    await releaseOthers(client, wanted.tables);
    await grant(client, options.agentRoles);
    const logins = options.agentRoles.map((agent) => (typeof agent === 'string' ? agent : agent.role));
    return {
      system: options.system,
      layout: LAYOUT,
      tables: wanted.tables.map((table) => ({
        table: nameOf(table),
        key: table.key,
        history: options.history?.includes(nameOf(table)) ?? false,
        derived: derived.get(table.relid) ?? [],
      })),
      skipped: wanted.skipped,
      limited: wanted.tables.flatMap(limitsOf),
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

function limitsOf(table: Table): SkippedTable[] {
  if (table.key.length === 0)
    return [{ table: nameOf(table), reason: 'no primary key and no unique index on NOT NULL columns: changes are counted, not undone' }];
  if (table.ruled) return [{ table: nameOf(table), reason: 'it has a rule (CREATE RULE): PostgreSQL refuses the statements of an undo' }];
  return [];
}

async function derivedColumns(
  client: pg.Client,
  tables: readonly Table[],
  { derived = [], notDerived = [] }: PrepareOptions,
): Promise<ReadonlyMap<number, readonly DerivedColumn[]>> {
  const found = await findDerived(client, tables);
  const named = (table: Table, list: readonly string[], column: string) => list.includes(`${nameOf(table)}.${column}`);
  return new Map(
    tables.map((table) => {
      const recognised = (found.get(table.relid) ?? []).filter(({ column }) => !named(table, notDerived, column));
      const chosen = table.columns
        .filter(({ name }) => named(table, derived, name) && !table.key.includes(name) && !recognised.some(({ column }) => column === name))
        .map(({ name }) => ({ column: name, because: 'named by the operator' }));
      return [table.relid, [...recognised, ...chosen]];
    }),
  );
}

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
    ...(options.notDerived ?? []).filter((name) => !columns.has(name)).map((name) => `not derived ${name}: no such column`),
    ...(isSystemName(options.system) ? [] : ['system: expected 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit']),
  ];
  if (problems.length > 0) throw new ConnectorError('options_invalid', problems.join('; '));
  if (options.tables === undefined) return { tables, skipped };
  const chosen = new Set(options.tables);
  return { tables: tables.filter((table) => chosen.has(nameOf(table))), skipped: [] };
}

/** Nothing was released with layout 1: its captured rows cannot be read by this version. */
async function refuseOlderLayout(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('recant.system') IS NOT NULL AS there`);
  if (!rows[0]?.there) return;
  const layouts = await client.query<{ layout: number }>('SELECT layout FROM recant.system');
  const layout = layouts.rows[0]?.layout;
  if (layout === undefined || layout === LAYOUT) return;
  throw new ConnectorError(
    'options_invalid',
    layout > LAYOUT
      ? `The database was prepared by a newer version (expected layout ${LAYOUT}, got ${layout}). Update this one.`
      : `The database has the capture of an unreleased version (expected layout ${LAYOUT}, got ${layout}). Run DROP SCHEMA recant CASCADE, then connect again.`,
  );
}

async function writeSystem(client: pg.Client, name: string): Promise<void> {
  const key = Buffer.concat([randomBytes(32), Buffer.alloc(32)]);
  await client.query(
    `INSERT INTO recant.system (name, identity, inner_key, outer_key, layout, cluster)
     SELECT $1, $2, $3, $4, $5, c.system_identifier FROM pg_control_system() c ON CONFLICT (only_row) DO NOTHING`,
    [name, randomUUID(), key.map((byte) => byte ^ 0x36), key.map((byte) => byte ^ 0x5c), LAYOUT],
  );
  const { rows } = await client.query<{ name: string }>('SELECT name FROM recant.system');
  if (rows[0]?.name !== name)
    throw new ConnectorError('options_invalid', `Wrong system name: expected ${name}, the database is prepared as ${rows[0]?.name}.`);
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
