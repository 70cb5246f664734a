import type { ClientBase } from 'pg';
import type { Table } from './catalogue.ts';

const LOGIN_SQL = `
SELECT r.rolname AS login, r.rolsuper AS super, r.rolreplication AS replication, r.rolbypassrls AS bypassrls, r.rolcreaterole AS createrole,
  pg_has_role(r.oid, y.nspowner, 'MEMBER') AS owner
FROM pg_roles r, (SELECT nspowner FROM pg_namespace WHERE nspname = 'recant') y WHERE r.rolname = ANY ($1::name[])`;

const TABLE_SQL = `
SELECT r.rolname AS login, c.oid::regclass::text AS "table", pg_has_role(r.oid, c.relowner, 'MEMBER') AS owner, has_table_privilege(r.oid, c.oid, 'TRIGGER') AS trigger
FROM pg_roles r, pg_class c WHERE r.rolname = ANY ($1::name[]) AND NOT r.rolsuper AND c.oid = ANY ($2::oid[])`;

/** Each way in which an agent's login could write past the capture. */
export async function waysRound(client: ClientBase, logins: readonly string[], tables: readonly Table[]): Promise<string[]> {
  const ways: string[] = [];
  const roles = await client.query<{ login: string; super: boolean; replication: boolean; createrole: boolean; owner: boolean }>(
    LOGIN_SQL,
    [logins],
  );
  for (const { login, super: superuser, replication, createrole, owner } of roles.rows) {
    if (superuser) ways.push(`${login} is a superuser: it can disable every trigger and read every image`);
    else if (owner) ways.push(`${login} is a member of the owner of the capture`);
    if (!superuser && replication) ways.push(`${login} may use replication, which reads everything, images included`);
    if (!superuser && createrole) ways.push(`${login} may create roles, and so make logins that are not registered`);
  }
  const owned = await client.query<{ login: string; table: string; owner: boolean; trigger: boolean }>(TABLE_SQL, [
    logins,
    tables.map((table) => table.relid),
  ]);
  for (const { login, table, owner, trigger } of owned.rows) {
    if (owner) ways.push(`${login} owns ${table}: it can disable its triggers`);
    else if (trigger) ways.push(`${login} may create triggers on ${table}: they run in everybody's transactions`);
  }
  return ways;
}
