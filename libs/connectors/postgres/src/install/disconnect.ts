import { ConnectorError } from '@recant/connector';
import { type ClientBase, escapeIdentifier } from 'pg';
import { qualified } from './catalogue.ts';
import { groupBy } from './group-by.ts';
import { PATIENCE_MS, withOwner } from './session.ts';
import { TRIGGER_PREFIX } from './trigger-sql.ts';

export interface UnprepareOptions {
  /** Connection URL of the login that prepared the target. */
  readonly url: string;
  /** Name of the system; undefined: any. */
  readonly system?: string;
  /** Removes the capture although attempts can still be undone, or although it was altered by hand. */
  readonly discard?: boolean;
  /** How long a lock is waited for in all, for each table, in milliseconds. */
  readonly patienceMs?: number;
}

/**
 * Removes triggers, grants and schema `recant`, one table a transaction; safe to run again after an interruption. What was captured can then no
 * longer be undone. @returns tables whose triggers were removed. @throws ConnectorError `not_prepared`, `attempts_undoable`
 */
export async function unpreparePostgres({
  url,
  system,
  discard = false,
  patienceMs = PATIENCE_MS,
}: UnprepareOptions): Promise<readonly string[]> {
  return withOwner(url, patienceMs, async ({ client, transaction }) => {
    await transaction(() => refuse(client, system, discard));
    const installed = await transaction(() => triggersOf(client));
    for (const [name, triggers] of groupBy(installed, (row) => qualified(row)))
      await transaction(async () => {
        for (const { trigger } of triggers) await client.query(`DROP TRIGGER IF EXISTS ${escapeIdentifier(trigger)} ON ${name}`);
      });
    await transaction(async () => {
      await restoreRights(client);
      await client.query('DROP SCHEMA recant CASCADE');
    });
    return [...new Set(installed.map(({ schema, name }) => `${schema}.${name}`))];
  });
}

async function refuse(client: ClientBase, system: string | undefined, discard: boolean): Promise<void> {
  const { rows } = await client.query<{ ours: boolean; objects: number }>(
    `SELECT EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid AND proname LIKE 'capture%') AS ours,
       (SELECT count(*)::int FROM pg_class WHERE relnamespace = n.oid) AS objects FROM pg_namespace n WHERE nspname = 'recant'`,
  );
  const [schema] = rows;
  if (schema === undefined || (!schema.ours && schema.objects > 0))
    throw new ConnectorError('not_prepared', 'The database is not connected: it has no capture in schema "recant".');
  if (discard) return;
  const { rows: names } = await client.query<{ name: string }>('SELECT name FROM recant.system');
  if (system !== undefined && names[0]?.name !== system)
    throw new ConnectorError('options_invalid', `Wrong system name: expected ${system}, the database is prepared as ${names[0]?.name}.`);
  const undoable = await countUndoable(client);
  if (undoable === 0) return;
  throw new ConnectorError(
    'attempts_undoable',
    `${undoable} recorded attempts can still be undone. Undo them first, or pass --discard: they can then no longer be undone.`,
  );
}

/** Attempts, and transactions of agents' logins without a name, with images that were not taken back. */
async function countUndoable(client: ClientBase): Promise<number> {
  await client.query('SELECT recant.absorb()');
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int FROM (
       SELECT DISTINCT coalesce(c.attempt::text, 'xid ' || c.xid::text) FROM recant.change c LEFT JOIN recant.attempt a ON a.id = c.attempt
       WHERE (c.old IS NOT NULL OR c.new IS NOT NULL) AND (a.id IS NULL OR (a.run IS NULL AND NOT recant.is_undone(a.id)))) u`,
  );
  return rows[0]?.count ?? 0;
}

interface InstalledTrigger {
  readonly trigger: string;
  readonly schema: string;
  readonly name: string;
}

async function triggersOf(client: ClientBase): Promise<readonly InstalledTrigger[]> {
  const { rows } = await client.query<InstalledTrigger>(
    `SELECT t.tgname AS trigger, n.nspname AS schema, c.relname AS name
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND starts_with(t.tgname, $1) ORDER BY 2, 3, 1`,
    [TRIGGER_PREFIX],
  );
  return rows;
}

/** Takes back what `connect` granted and revoked outside schema `recant`. */
async function restoreRights(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('recant.granted') IS NOT NULL AS there`);
  if (!rows[0]?.there) return;
  const granted = await client.query<{ undo: string }>(
    `SELECT g.undo FROM recant.granted g JOIN pg_roles r ON r.rolname = g.role
     WHERE g.relid IS NULL OR EXISTS (SELECT FROM pg_class c WHERE c.oid = g.relid)`,
  );
  for (const { undo } of granted.rows) await client.query(undo);
}
