import { ConnectorError } from '@recant/connector';
import type { ClientBase } from 'pg';
import { COLUMNS_MAX } from '../effect.ts';
import { readCatalogue, type SkippedTable, type Table, tableName } from './catalogue.ts';
import { type Choice, choose } from './choose.ts';
import type { DerivedColumn } from './derived.ts';
import { storeFingerprint } from './fingerprint.ts';
import { layFoundation } from './foundation.ts';
import { grantAgents, grantService, roleOf } from './grants.ts';
import { recordUncaptured } from './holes.ts';
import { markTable } from './left-out.ts';
import type { PrepareOptions } from './options.ts';
import { candidatesOf, leakingPublications, limitsOf, type MaskedKey, maskedKeys, sharedLogins } from './preflight.ts';
import { type OwnerSession, PATIENCE_MS, withOwner } from './session.ts';
import { readSubjects, type SubjectPattern, writeSubjects } from './subjects.ts';
import { LAYOUT } from './tables-sql.ts';
import { captureTable, releaseTable, tablesToRelease } from './triggers.ts';
import { revokeTruncate, type TruncateRight, truncateRights } from './truncate-rights.ts';
import { noteConnected, noteDroppers, recordBroken, recordDropped, recordUnwatched } from './unwatched.ts';
import { waysRound } from './ways-round.ts';

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
  /** Incremented by each take-over. */
  readonly epoch: number;
  readonly tables: readonly PreparedTable[];
  /** Tables that are not captured, and why. */
  readonly skipped: readonly SkippedTable[];
  /** Captured tables that an undo cannot write, or not always, and why. */
  readonly limited: readonly SkippedTable[];
  /** `schema.table.column` that the application itself seems to maintain. */
  readonly candidates: readonly string[];
  readonly maskedKeys: readonly MaskedKey[];
  /** Tables whose rows belong to subjects. Images of other tables stay when a subject is erased. */
  readonly subjects: readonly SubjectPattern[];
  /** Logins that are registered as agents. */
  readonly agentLogins: readonly string[];
  /** How a login could write without being captured: agents' logins, or every login where no agent is registered. */
  readonly waysRound: readonly string[];
  readonly truncateRights: readonly TruncateRight[];
  readonly sharedLogins: readonly string[];
  /** Publications that include schema `recant`. */
  readonly publications: readonly string[];
  /** Which login does what; undefined: the owner's. */
  readonly undoLogin?: string;
  readonly drainLogin?: string;
}

/**
 * Installs or upgrades the capture of one database: one table a transaction. Safe to run again, also after tables changed or after it was
 * interrupted: what is installed already is left alone. @throws ConnectorError
 */
export async function preparePostgres(options: PrepareOptions): Promise<PrepareReport> {
  return withOwner(options.url, options.patienceMs ?? PATIENCE_MS, async (session) => {
    const { client, transaction } = session;
    await refuseOldServer(client);
    await refuseReadOnly(client);
    const { rows: started } = await client.query<{ at: Date }>('SELECT clock_timestamp() AS at');
    const choice = await transaction(async () => {
      const found = await readCatalogue(client, COLUMNS_MAX);
      return { ...(await choose(client, options, found)), all: found.tables };
    });
    const epoch = await transaction(async () => {
      const opened = await layFoundation(client, options);
      await refuseLostTables(client, choice.all);
      await grantAgents(client, options.agentRoles);
      await storeFingerprint(client);
      return opened;
    });
    await captureTables(session, options, choice);
    return transaction(() => finish(client, options, choice, { epoch, startedAt: started[0]?.at ?? new Date() }));
  });
}

async function captureTables({ client, transaction }: OwnerSession, options: PrepareOptions, choice: Choice): Promise<void> {
  await transaction(async () => {
    await recordBroken(client);
    await recordDropped(client);
  });
  for (const table of choice.tables) {
    const derived = (choice.derived.get(table.relid) ?? []).map(({ column }) => column);
    const history = options.history?.includes(tableName(table)) ?? false;
    await transaction(async () => {
      await recordUncaptured(client, table.relid);
      await recordUnwatched(client, table.relid);
      await captureTable(client, table, { history, derived });
    });
  }
  for (const released of await transaction(() => tablesToRelease(client, choice.tables)))
    await transaction(() => releaseTable(client, released));
  if (options.agentRoles.length > 0) {
    const logins = [...new Set(options.agentRoles.map(roleOf))].sort();
    for (const table of choice.left) await markLeft({ client, transaction }, table, logins);
  }
}

/** A table that somebody locks the whole time stays without a mark: plans name it, as they do with tables of other owners. */
async function markLeft({ client, transaction }: OwnerSession, table: Table, logins: readonly string[]): Promise<void> {
  try {
    await transaction(async () => {
      await recordUnwatched(client, table.relid);
      await markTable(client, table, logins);
    });
  } catch (error) {
    if ((error as { code?: string }).code !== '55P03') throw error;
  }
}

interface Started {
  readonly epoch: number;
  readonly startedAt: Date;
}

async function finish(client: ClientBase, options: PrepareOptions, choice: Choice, { epoch, startedAt }: Started): Promise<PrepareReport> {
  const { undoLogin, drainLogin } = options;
  await grantService(client, options, choice.tables);
  await writeUncovered(client, choice.skipped, startedAt);
  await writeSubjects(client, choice.tables, options.subjects);
  await storeFingerprint(client);
  await noteDroppers(client);
  await noteConnected(client);
  const agentLogins = [...new Set(options.agentRoles.map(roleOf))];
  if (options.revokeTruncate) await revokeTruncate(client, agentLogins);
  return {
    system: options.system,
    layout: LAYOUT,
    epoch,
    tables: choice.tables.map((table) => ({
      table: tableName(table),
      key: table.key,
      history: options.history?.includes(tableName(table)) ?? false,
      derived: choice.derived.get(table.relid) ?? [],
    })),
    skipped: choice.skipped,
    limited: choice.tables.flatMap((table) => limitsOf(table, undoLogin === undefined)),
    candidates: candidatesOf(choice),
    subjects: await readSubjects(client),
    maskedKeys: options.ruleFor === undefined ? [] : await maskedKeys(client, options.system, choice.tables, options.ruleFor),
    agentLogins,
    waysRound: await waysRound(
      client,
      agentLogins.length > 0 ? agentLogins : await otherLogins(client, [undoLogin, drainLogin]),
      choice.tables,
    ),
    truncateRights: await truncateRights(client, agentLogins),
    sharedLogins: await sharedLogins(client, options.agentRoles, [undoLogin, drainLogin]),
    publications: await leakingPublications(client),
    ...(undoLogin === undefined ? {} : { undoLogin }),
    ...(drainLogin === undefined ? {} : { drainLogin }),
  };
}

/** Logins looked at where no agent's is named: superusers, who pass everything, come first. */
const LOGINS_MAX = 20;

async function otherLogins(client: ClientBase, except: readonly (string | undefined)[]): Promise<string[]> {
  const { rows } = await client.query<{ login: string }>(
    `SELECT r.rolname AS login FROM pg_roles r WHERE r.rolcanlogin AND r.rolname <> session_user AND r.rolname <> ALL ($1::name[])
       AND has_database_privilege(r.oid, current_database(), 'CONNECT') ORDER BY r.rolsuper DESC, 1 LIMIT ${LOGINS_MAX}`,
    [except.filter((login) => login !== undefined)],
  );
  return rows.map(({ login }) => login);
}

/** A table that the last `connect` did not leave out may have been written since that one. */
async function writeUncovered(client: ClientBase, skipped: readonly SkippedTable[], startedAt: Date): Promise<void> {
  await client.query(
    `WITH left_out AS (
       SELECT c.oid AS relid, u.reason FROM unnest($1::text[], $2::text[]) u(name, reason)
       JOIN pg_class c ON c.relkind IN ('r', 'p', 'f') JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname || '.' || c.relname = u.name),
     gone AS (DELETE FROM recant.uncovered u WHERE u.relid NOT IN (SELECT l.relid FROM left_out l))
     INSERT INTO recant.uncovered (relid, reason, since) SELECT l.relid, l.reason, coalesce((SELECT y.at FROM recant.connected y), $3) FROM left_out l
     ON CONFLICT (relid) DO UPDATE SET reason = excluded.reason`,
    [skipped.map(({ table }) => table), skipped.map(({ reason }) => reason), startedAt],
  );
}

/** `string_to_table` came with 14. */
const SERVER_VERSION_MIN = 14;

async function refuseOldServer(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ number: number; text: string }>(
    `SELECT pg_catalog.current_setting('server_version_num')::int AS number, pg_catalog.current_setting('server_version') AS text`,
  );
  const { number = 0, text } = rows[0] ?? {};
  if (number >= SERVER_VERSION_MIN * 10_000) return;
  throw new ConnectorError(
    'options_invalid',
    `The server is too old: expected PostgreSQL ${SERVER_VERSION_MIN} or later, got ${text}. Upgrade it; nothing was installed.`,
  );
}

async function refuseReadOnly(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ standby: boolean; readonly: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::boolean AS readonly`,
  );
  if (rows[0]?.standby)
    throw new ConnectorError(
      'read_only',
      'The server is a standby. Use the address of the primary: the standby gets the capture by replication.',
    );
  if (rows[0]?.readonly)
    throw new ConnectorError(
      'read_only',
      'Transactions of this login are read-only (default_transaction_read_only). Use the primary, or reset the setting.',
    );
}

/** A table that is captured and that this login no longer owns can be neither repaired nor released by it. */
async function refuseLostTables(client: ClientBase, all: readonly Table[]): Promise<void> {
  const { rows } = await client.query<{ relid: string }>('SELECT r.relid::int8 FROM recant.relation r WHERE r.captured');
  const captured = new Set(rows.map(({ relid }) => Number(relid)));
  const lost = all.filter((table) => captured.has(table.relid) && !table.owned);
  if (lost.length === 0) return;
  throw new ConnectorError(
    'permission_denied',
    `The login no longer owns captured tables: ${lost.map((table) => `${tableName(table)} (owner ${table.owner})`).join(', ')}. Use a login with the rights of their owner.`,
  );
}
