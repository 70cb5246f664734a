import { type ClientBase, escapeIdentifier } from 'pg';
import { noteRight } from './grants.ts';
import { groupBy } from './group-by.ts';

export interface TruncateRight {
  readonly login: string;
  readonly tables: readonly string[];
  /** Takes the right away. */
  readonly sql: string;
}

interface Row {
  readonly login: string;
  readonly relid: string;
  readonly name: string;
  readonly quoted: string;
}

/** Captured tables and their partitions, which agents' logins may TRUNCATE. Nothing brings truncated rows back. */
async function readRights(client: ClientBase, logins: readonly string[]): Promise<readonly Row[]> {
  const { rows } = await client.query<Row>(
    `SELECT r.rolname AS login, c.oid::int8 AS relid, n.nspname || '.' || c.relname AS name, format('%I.%I', n.nspname, c.relname) AS quoted
     FROM recant.relation k CROSS JOIN LATERAL (SELECT p.relid FROM pg_partition_tree(k.relid) p UNION SELECT k.relid) p
     JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.rolname = ANY ($1::name[])
     WHERE k.captured AND NOT r.rolsuper AND NOT pg_has_role(r.oid, c.relowner, 'MEMBER') AND has_table_privilege(r.oid, c.oid, 'TRUNCATE') ORDER BY 1, 3`,
    [logins],
  );
  return rows;
}

export async function truncateRights(client: ClientBase, logins: readonly string[]): Promise<TruncateRight[]> {
  const rights = groupBy(await readRights(client, logins), ({ login }) => login);
  return [...rights].map(([login, rows]) => ({
    login,
    tables: rows.map(({ name }) => name),
    sql: `REVOKE TRUNCATE ON ${rows.map(({ quoted }) => quoted).join(', ')} FROM ${escapeIdentifier(login)}`,
  }));
}

/** `disconnect` gives them back. A right through PUBLIC or a group stays: `truncateRights` lists it again. */
export async function revokeTruncate(client: ClientBase, logins: readonly string[]): Promise<void> {
  for (const { login, relid, quoted } of await readRights(client, logins)) {
    await client.query(`REVOKE TRUNCATE ON ${quoted} FROM ${escapeIdentifier(login)}`);
    await noteRight(client, login, Number(relid), `GRANT TRUNCATE ON ${quoted} TO ${escapeIdentifier(login)}`);
  }
}
