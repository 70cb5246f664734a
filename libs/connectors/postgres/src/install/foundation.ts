import { randomBytes, randomUUID } from 'node:crypto';
import { ConnectorError } from '@recant/connector';
import type { ClientBase } from 'pg';
import { ABSORB_FUNCTIONS_SQL } from './absorb-sql.ts';
import { AGENT_FUNCTIONS_SQL } from './agent-sql.ts';
import { DRAIN_FUNCTIONS_SQL } from './drain-sql.ts';
import { ERASE_FUNCTIONS_SQL, SUBJECT_TABLES_SQL } from './erase-sql.ts';
import { alteredTables } from './fingerprint.ts';
import { FREEZE_FUNCTIONS_SQL, FREEZE_TABLES_SQL } from './freeze-sql.ts';
import { recordAltered } from './holes.ts';
import { MARK_SQL } from './left-out.ts';
import { checkLimits, LIMIT_FUNCTIONS_SQL, QUEUE_AGENTS_BYTES_MAX, QUEUE_BYTES_MAX, type QueueLimits } from './limits-sql.ts';
import { LAYOUT, TABLES_SQL } from './tables-sql.ts';
import { TRIGGER_FUNCTIONS_SQL } from './trigger-sql.ts';
import { UNDO_FUNCTIONS_SQL } from './undo-sql.ts';
import { UNWATCHED_TABLES_SQL } from './unwatched.ts';

export interface Owner {
  readonly system: string;
  /** Ledger and tenant that capture the database; undefined: not checked. */
  readonly ledger?: string | undefined;
  readonly takeOver?: boolean | undefined;
  readonly queue?: Partial<QueueLimits> | undefined;
  readonly imagesDays?: number | undefined;
}

/** Schema `recant` with its tables and functions. @returns the epoch of the capture. @throws ConnectorError `already_connected`, `capture_altered` */
export async function layFoundation(client: ClientBase, owner: Owner): Promise<number> {
  const isInstalled = await checkInstalled(client, owner);
  if (isInstalled) await recordAltered(client);
  await client.query('CREATE SCHEMA IF NOT EXISTS recant');
  await client.query(TABLES_SQL + SUBJECT_TABLES_SQL + UNWATCHED_TABLES_SQL + FREEZE_TABLES_SQL);
  await writeSystem(client, owner);
  await client.query(
    [
      TRIGGER_FUNCTIONS_SQL,
      MARK_SQL,
      FREEZE_FUNCTIONS_SQL,
      AGENT_FUNCTIONS_SQL,
      ABSORB_FUNCTIONS_SQL,
      LIMIT_FUNCTIONS_SQL,
      UNDO_FUNCTIONS_SQL,
      DRAIN_FUNCTIONS_SQL,
      ERASE_FUNCTIONS_SQL,
    ].join('\n'),
  );
  await client.query(`UPDATE recant.system SET present = recant.version(inner_key, outer_key, 'exists', '') WHERE present IS NULL`);
  await client.query(
    'REVOKE ALL ON ALL TABLES IN SCHEMA recant FROM PUBLIC; REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recant FROM PUBLIC; REVOKE ALL ON SCHEMA recant FROM PUBLIC',
  );
  await client.query('SELECT recant.relieve_queue(0)');
  const { rows } = await client.query<{ epoch: number }>('SELECT epoch FROM recant.system');
  return rows[0]?.epoch ?? 1;
}

interface Installed {
  readonly name: string;
  readonly layout: number;
  readonly ledger: string | null;
}

/** The row of the system, locked: connections of one target run one after the other. Undefined: nothing is installed. */
async function lockInstalled(client: ClientBase): Promise<Installed | undefined> {
  const { rows: schemas } = await client.query<{ ours: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('recant.system') AND attname = 'layout') AS ours
     FROM pg_namespace WHERE nspname = 'recant'`,
  );
  if (schemas[0] === undefined) return undefined;
  const { rows: objects } = await client.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_class WHERE relnamespace = to_regnamespace('recant')`,
  );
  if (!schemas[0].ours && objects[0]?.count === 0) return undefined;
  if (!schemas[0].ours)
    throw new ConnectorError('capture_altered', 'The database has a schema "recant" that is no capture. Connect another database.');
  const { rows } = await client.query<Installed>("SELECT name, layout, to_jsonb(y)->>'ledger' AS ledger FROM recant.system y FOR UPDATE");
  if (rows[0] !== undefined) return rows[0];
  throw new ConnectorError(
    'capture_altered',
    'Schema "recant" has lost its identity: its table "system" is empty. Run "recant disconnect --discard", then connect again.',
  );
}

/** Nothing was released with an older layout: its captured rows cannot be read by this version. */
async function checkInstalled(client: ClientBase, { system, ledger, takeOver }: Owner): Promise<boolean> {
  const installed = await lockInstalled(client);
  if (installed === undefined) return false;
  if (installed.layout !== LAYOUT)
    throw new ConnectorError(
      'options_invalid',
      installed.layout > LAYOUT
        ? `The database was prepared by a newer version (expected layout ${LAYOUT}, got ${installed.layout}). Update this one.`
        : `The database has the capture of an unreleased version (expected layout ${LAYOUT}, got ${installed.layout}). Run "recant disconnect --discard", then connect again.`,
    );
  const isOthers = ledger !== undefined && installed.ledger !== null && installed.ledger !== ledger;
  if (isOthers && takeOver !== true)
    throw new ConnectorError(
      'already_connected',
      `The database is captured for ${installed.ledger} as system ${installed.name}. Disconnect it there, or pass --take-over: attempts recorded there can then not be undone there.`,
    );
  if (installed.name !== system && takeOver !== true)
    throw new ConnectorError('options_invalid', `Wrong system name: expected ${system}, the database is prepared as ${installed.name}.`);
  const altered = await alteredTables(client);
  if (altered.length > 0)
    throw new ConnectorError(
      'capture_altered',
      `Tables of the capture were altered by hand: ${altered.join(', ')}. Restore them, or run "recant disconnect --discard" and connect again.`,
    );
  return true;
}

/** Days for which captured changes can be kept at most, if not for ever. */
const DAYS_MAX = 36_500;

/** A take-over gives the capture a new identity, so that the former Recant stops writing here. */
async function writeSystem(client: ClientBase, { system, ledger: named, queue = {}, imagesDays }: Owner): Promise<void> {
  const ledger = named ?? null;
  const key = Buffer.concat([randomBytes(32), Buffer.alloc(32)]);
  await client.query(
    `INSERT INTO recant.system (name, identity, inner_key, outer_key, layout, cluster, ledger, queue_agents_max, queue_max)
     SELECT $1, $2, $3, $4, $5, c.system_identifier, $6, ${QUEUE_AGENTS_BYTES_MAX}, ${QUEUE_BYTES_MAX} FROM pg_control_system() c ON CONFLICT (only_row) DO NOTHING`,
    [system, randomUUID(), key.map((byte) => byte ^ 0x36), key.map((byte) => byte ^ 0x5c), LAYOUT, ledger],
  );
  // Events on their way to the former Recant's ledger are of its sources.
  await client.query(
    `DELETE FROM recant.batch WHERE EXISTS (SELECT FROM recant.system WHERE (ledger IS NOT NULL AND $2::text IS NOT NULL AND ledger <> $2) OR name <> $1)`,
    [system, ledger],
  );
  await client.query(
    `UPDATE recant.system SET name = $1, ledger = coalesce($2, ledger), identity = CASE WHEN o.other THEN $3 ELSE identity END, epoch = epoch + o.other::int
     FROM (SELECT (ledger IS NOT NULL AND $2::text IS NOT NULL AND ledger <> $2) OR name <> $1 AS other FROM recant.system) o`,
    [system, ledger, randomUUID()],
  );
  const { rows } = await client.query<{ agents: string; everyone: string }>(
    'UPDATE recant.system SET queue_agents_max = coalesce($1, queue_agents_max), queue_max = coalesce($2, queue_max) RETURNING queue_agents_max AS agents, queue_max AS everyone',
    [queue.agentsBytes, queue.everyoneBytes],
  );
  if (imagesDays !== undefined && !(Number.isSafeInteger(imagesDays) && imagesDays >= 0 && imagesDays <= DAYS_MAX))
    throw new ConnectorError('options_invalid', `Invalid number of days: expected 0 (for ever) to ${DAYS_MAX}, got ${imagesDays}.`);
  if (imagesDays !== undefined) await client.query('UPDATE recant.system SET images_days = nullif($1::int, 0)', [imagesDays]);
  checkLimits({ agentsBytes: Number(rows[0]?.agents), everyoneBytes: Number(rows[0]?.everyone) });
}
