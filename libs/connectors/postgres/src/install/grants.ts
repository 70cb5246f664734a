import { ConnectorError } from '@recant/connector';
import { type ClientBase, escapeIdentifier, escapeLiteral } from 'pg';
import { AGENT_FUNCTIONS } from './agent-sql.ts';
import { qualified, type Table } from './catalogue.ts';
import { UNDO_FUNCTIONS } from './undo-sql.ts';

/** A login of an agent. Without a prefix it may name any source. Transactions that name no attempt are `agent`'s (default: the login's name). */
export type AgentRole = string | { readonly role: string; readonly sourcePrefix?: string; readonly agent?: string };

export const roleOf = (agent: AgentRole): string => (typeof agent === 'string' ? agent : agent.role);

/** Registers agents' logins, and takes the rights of those that are registered no longer. */
export async function grantAgents(client: ClientBase, agents: readonly AgentRole[]): Promise<void> {
  await requireRoles(client, agents.map(roleOf));
  const former = await client.query<{ login: string }>(
    'SELECT a.login FROM recant.agent a JOIN pg_roles r ON r.rolname = a.login WHERE a.login <> ALL ($1::name[])',
    [agents.map(roleOf)],
  );
  for (const { login } of former.rows)
    await client.query(`REVOKE EXECUTE ON FUNCTION ${AGENT_FUNCTIONS.join(', ')} FROM ${escapeIdentifier(login)}`);
  await client.query('DELETE FROM recant.agent');
  for (const agent of agents) {
    const { role, sourcePrefix = '', agent: name = role } = typeof agent === 'string' ? { role: agent } : agent;
    await client.query(
      'INSERT INTO recant.agent VALUES ($1, $2, $3) ON CONFLICT (login) DO UPDATE SET source_prefix = excluded.source_prefix, agent = excluded.agent',
      [role, sourcePrefix, name],
    );
    await client.query(`GRANT USAGE ON SCHEMA recant TO ${escapeIdentifier(role)}`);
    await client.query(`GRANT EXECUTE ON FUNCTION ${AGENT_FUNCTIONS.join(', ')} TO ${escapeIdentifier(role)}`);
  }
}

/** What both logins of the service read: everything but images, the key of the versions and the queue. */
const READ = [
  'agent',
  'applied',
  'attempt',
  'connected',
  'effect',
  'erased',
  'fence',
  'frozen',
  'hole',
  'lost',
  'relation',
  'shape',
  'source',
  'subject',
  'transaction',
  'uncovered',
  'unwatched',
  'dropper',
];
const CHANGE_COLUMNS = 'ordinal, attempt, xid, login, relation, shape, key, key_hash, operation, pair, written, recorded_at';
const SYSTEM_COLUMNS =
  'only_row, name, identity, cluster, ledger, epoch, objects, present, layout, timeline, queue_agents_max, queue_max, images_days';
/** Executed with the owner's rights, or without rights of their own. */
const READ_FUNCTIONS = [
  'recant.absorb()',
  'recant.version(bytea, bytea, text, text)',
  'recant.is_undone(bigint)',
  'recant.root_of(oid)',
  'recant.signature(oid)',
  'recant.shape_hash(oid)',
  'recant.key_text(text, text)',
  'recant.joined_hash(text)',
  'recant.key_hash(text[])',
  'recant.current_timeline()',
];
const DRAIN_TABLES = 'recant.undrained, recant.batch, recant.stream';
const DRAIN_FUNCTIONS = [
  'recant.expire()',
  'recant.erase_subject(text, text[])',
  'recant.cut_transactions(int, bigint)',
  'recant.cut(recant.undrained)',
  'recant.counted(recant.undrained)',
  'recant.set_freezes(jsonb)',
];
/** Shows how long other logins' transactions are open. */
const STATISTICS = 'pg_read_all_stats';

async function grantReader(client: ClientBase, role: string): Promise<string> {
  const to = escapeIdentifier(role);
  await client.query(`GRANT USAGE ON SCHEMA recant TO ${to}`);
  await client.query(`GRANT SELECT ON ${READ.map((name) => `recant.${name}`).join(', ')} TO ${to}`);
  await client.query(`GRANT SELECT (${SYSTEM_COLUMNS}) ON recant.system TO ${to}`);
  await client.query(`GRANT SELECT (${CHANGE_COLUMNS}) ON recant.change TO ${to}`);
  await client.query(`GRANT SELECT ON SEQUENCE recant.queue_level TO ${to}`);
  await client.query(`GRANT EXECUTE ON FUNCTION ${READ_FUNCTIONS.join(', ')} TO ${to}`);
  return to;
}

/** Rights of the drain: it reads what was captured, without images, and writes only which of it is on its way to the ledger. */
async function grantDrain(client: ClientBase, role: string): Promise<void> {
  const to = await grantReader(client, role);
  await client.query(`GRANT UPDATE (epoch, timeline) ON recant.system TO ${to}`);
  await client.query(`GRANT SELECT (xid) ON recant.capture TO ${to}`);
  await client.query(`GRANT UPDATE (action) ON recant.attempt TO ${to}`);
  await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${DRAIN_TABLES} TO ${to}`);
  await client.query(`GRANT EXECUTE ON FUNCTION ${DRAIN_FUNCTIONS.join(', ')} TO ${to}`);
  await grantStatistics(client, role);
}

/** The owner may not have this right to give; ages of transactions are then unknown. */
async function grantStatistics(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<{ has: boolean }>(`SELECT pg_has_role($1, '${STATISTICS}', 'USAGE') AS has`, [role]);
  if (rows[0]?.has) return;
  await client.query('SAVEPOINT recant_statistics');
  try {
    await grantNoted(client, role, null, STATISTICS, '');
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    await client.query('ROLLBACK TO SAVEPOINT recant_statistics');
  }
  await client.query('RELEASE SAVEPOINT recant_statistics');
}

/** Rights of the inverse: images, and the rows of captured tables. It owns nothing and changes no capture. */
async function grantUndo(client: ClientBase, role: string, tables: readonly Table[]): Promise<void> {
  const to = await grantReader(client, role);
  await client.query(`GRANT SELECT ON recant.change TO ${to}`);
  await client.query(`GRANT EXECUTE ON FUNCTION recant.versions_of(text[], text[]), ${UNDO_FUNCTIONS.join(', ')} TO ${to}`);
  for (const schema of new Set(tables.map((table) => table.schema))) {
    const { rows } = await client.query<{ has: boolean }>(`SELECT has_schema_privilege($1, $2, 'USAGE') AS has`, [role, schema]);
    if (!rows[0]?.has) await grantNoted(client, role, null, 'USAGE', `SCHEMA ${escapeIdentifier(schema)}`);
  }
  for (const table of tables) {
    const { rows } = await client.query<{ privilege: string }>(
      `SELECT p AS privilege FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) p WHERE NOT has_table_privilege($1, $2::oid, p)`,
      [role, table.relid],
    );
    const missing = rows.map(({ privilege }) => privilege).join(', ');
    if (missing !== '') await grantNoted(client, role, table.relid, missing, qualified(table));
  }
}

/** Ends other logins' sessions. */
const SIGNAL = 'pg_signal_backend';

/** @throws ConnectorError `permission_denied` */
async function grantSignal(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<{ has: boolean }>(`SELECT pg_has_role($1, '${SIGNAL}', 'USAGE') AS has`, [role]);
  if (rows[0]?.has) return;
  await grantNoted(client, role, null, SIGNAL, '').catch((cause: { code?: string }) => {
    if (cause.code !== '42501') throw cause;
    const message = `The owner may not grant ${SIGNAL}. Let a superuser run GRANT ${SIGNAL} TO ${escapeIdentifier(role)}, and leave out --end-transactions.`;
    throw new ConnectorError('permission_denied', message, { cause });
  });
}

export interface ServiceLogins {
  readonly undoLogin?: string | undefined;
  readonly drainLogin?: string | undefined;
  readonly endTransactions?: boolean | undefined;
}

/** Each login gets the rights for its own work and loses those of the other's. Without a drain login the undo login drains, too. */
export async function grantService(
  client: ClientBase,
  { undoLogin, drainLogin, endTransactions }: ServiceLogins,
  tables: readonly Table[],
): Promise<void> {
  if (endTransactions && undoLogin === undefined && drainLogin === undefined)
    throw new ConnectorError(
      'options_invalid',
      'endTransactions needs a drain login or an undo login: the owner has no rights from `connect`.',
    );
  const named = [undoLogin, drainLogin].filter((login) => login !== undefined);
  await requireRoles(client, named);
  for (const login of named) {
    const from = escapeIdentifier(login);
    await client.query(`REVOKE ALL ON ALL TABLES IN SCHEMA recant FROM ${from}`);
    await client.query(`REVOKE EXECUTE ON FUNCTION ${[...READ_FUNCTIONS, ...DRAIN_FUNCTIONS, ...UNDO_FUNCTIONS].join(', ')} FROM ${from}`);
  }
  await revokeFormer(client, named);
  const drainer = drainLogin ?? undoLogin;
  if (drainer !== undefined) await grantDrain(client, drainer);
  if (drainer !== undefined && endTransactions) await grantSignal(client, drainer);
  if (undoLogin !== undefined) await grantUndo(client, undoLogin, tables);
}

/** Logins that an earlier `connect` gave rights and that are neither agents nor named now lose them, on captured tables, too. */
async function revokeFormer(client: ClientBase, named: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ login: string }>(
    `SELECT DISTINCT r.rolname AS login FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE n.nspname = 'recant' AND a.grantee <> n.nspowner AND r.rolname <> ALL ($1::name[]) AND NOT EXISTS (SELECT FROM recant.agent g WHERE g.login = r.rolname)`,
    [named],
  );
  for (const { login } of rows) {
    const from = escapeIdentifier(login);
    for (const what of ['ALL TABLES IN', 'ALL SEQUENCES IN', 'ALL FUNCTIONS IN', ''])
      await client.query(`REVOKE ALL ON ${what} SCHEMA recant FROM ${from}`);
    const { rows: granted } = await client.query<{ undo: string }>(
      `DELETE FROM recant.granted WHERE role = $1 AND undo LIKE 'REVOKE %' AND (relid IS NULL OR EXISTS (SELECT FROM pg_class c WHERE c.oid = relid)) RETURNING undo`,
      [login],
    );
    for (const { undo } of granted) await client.query(undo);
  }
}

/** Empty `on`: membership of a role. */
async function grantNoted(client: ClientBase, role: string, relid: number | null, privileges: string, on: string): Promise<void> {
  const what = on === '' ? privileges : `${privileges} ON ${on}`;
  await client.query(`GRANT ${what} TO ${escapeIdentifier(role)}`);
  await noteRight(client, role, relid, `REVOKE ${what} FROM ${escapeIdentifier(role)}`);
}

/** `disconnect` runs `undo`. */
export async function noteRight(client: ClientBase, role: string, relid: number | null, undo: string): Promise<void> {
  await client.query('INSERT INTO recant.granted VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [role, relid, undo]);
}

/** @throws ConnectorError `options_invalid` that names every role that does not exist */
async function requireRoles(client: ClientBase, roles: readonly string[]): Promise<void> {
  if (roles.length === 0) return;
  const { rows } = await client.query<{ role: string }>(
    `SELECT u.role FROM unnest($1::text[]) u(role) WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = u.role)`,
    [roles],
  );
  if (rows.length === 0) return;
  throw new ConnectorError(
    'options_invalid',
    `No such role: ${rows.map(({ role }) => role).join(', ')}. Create it first: CREATE ROLE ${escapeIdentifier(rows[0]?.role ?? '')} LOGIN PASSWORD ${escapeLiteral('...')}.`,
  );
}
