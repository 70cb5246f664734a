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

/** Tables of the capture that the service reads: everything but the key of the versions, and the queue. */
const READ = [
  'agent',
  'applied',
  'attempt',
  'change',
  'effect',
  'fence',
  'hole',
  'lost',
  'relation',
  'shape',
  'transaction',
  'uncovered',
  'undrained',
  'batch',
  'stream',
];
const SYSTEM_COLUMNS = 'only_row, name, identity, cluster, ledger, epoch, objects, present, layout, timeline, queue_agents_max, queue_max';
/** Written or executed with the owner's rights, each for one purpose. */
const READ_FUNCTIONS = [
  'recant.absorb()',
  'recant.versions_of(text[], text[])',
  'recant.version(bytea, bytea, text, text)',
  'recant.is_undone(bigint)',
  'recant.root_of(oid)',
  'recant.cut(xid8, name, bigint)',
  'recant.counted(xid8, name, bigint)',
  'recant.current_timeline()',
  'recant.signature(oid)',
  'recant.hash_of(text)',
  'recant.key_text(text, text)',
  'recant.key_hash(text[])',
];

/** Rights of the drain: it reads what was captured, and writes only which of it is on its way to the ledger. */
export async function grantDrain(client: ClientBase, role: string): Promise<void> {
  await requireRoles(client, [role]);
  const to = escapeIdentifier(role);
  await client.query(`GRANT USAGE ON SCHEMA recant TO ${to}`);
  await client.query(`GRANT SELECT ON ${READ.map((name) => `recant.${name}`).join(', ')} TO ${to}`);
  await client.query(`GRANT SELECT (${SYSTEM_COLUMNS}), UPDATE (epoch, timeline) ON recant.system TO ${to}`);
  await client.query(`GRANT SELECT (xid) ON recant.capture TO ${to}`);
  await client.query(`GRANT SELECT ON SEQUENCE recant.queue_level TO ${to}`);
  await client.query(`GRANT UPDATE (action) ON recant.attempt TO ${to}`);
  await client.query(`GRANT INSERT, UPDATE, DELETE ON recant.undrained, recant.batch, recant.stream TO ${to}`);
  await client.query(`GRANT EXECUTE ON FUNCTION ${READ_FUNCTIONS.join(', ')} TO ${to}`);
}

/** Rights of the inverse: those of the drain, and the rows of captured tables. It owns nothing and changes no capture. */
export async function grantUndo(client: ClientBase, role: string, tables: readonly Table[]): Promise<void> {
  await grantDrain(client, role);
  const to = escapeIdentifier(role);
  await client.query(`GRANT EXECUTE ON FUNCTION ${UNDO_FUNCTIONS.join(', ')} TO ${to}`);
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

async function grantNoted(client: ClientBase, role: string, relid: number | null, privileges: string, on: string): Promise<void> {
  await client.query(`GRANT ${privileges} ON ${on} TO ${escapeIdentifier(role)}`);
  await noteRight(client, role, relid, `REVOKE ${privileges} ON ${on} FROM ${escapeIdentifier(role)}`);
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
