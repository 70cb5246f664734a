import type { ClientBase } from 'pg';
import { type Table, tableName } from './catalogue.ts';
import { groupBy } from './group-by.ts';

const LOGIN_SQL = `
SELECT r.rolname AS login, r.rolsuper AS super, r.rolreplication AS replication, r.rolbypassrls AS bypassrls, r.rolcreaterole AS createrole,
  pg_has_role(r.oid, y.nspowner, 'MEMBER') AS owner,
  ARRAY(SELECT g.rolname::text FROM pg_roles g WHERE g.rolname = ANY ($2::name[]) AND pg_has_role(r.oid, g.oid, 'MEMBER') ORDER BY 1) AS groups
FROM pg_roles r, (SELECT nspowner FROM pg_namespace WHERE nspname = 'recant') y WHERE r.rolname = ANY ($1::name[]) ORDER BY 1`;

const GROUPS: Readonly<Record<string, string>> = {
  pg_execute_server_program: 'it runs programs on the database server',
  pg_write_server_files: 'it writes files on the database server',
  pg_write_all_data: 'it writes into schema "recant" itself',
  pg_read_all_data: 'it reads every image and the key of the versions',
};

const TABLE_SQL = `
SELECT r.rolname AS login, c.oid::int8 AS relid, pg_has_role(r.oid, c.relowner, 'MEMBER') AS owner, has_table_privilege(r.oid, c.oid, 'TRIGGER') AS trigger
FROM pg_roles r, pg_class c WHERE r.rolname = ANY ($1::name[]) AND NOT r.rolsuper AND c.oid = ANY ($2::oid[])`;

const SCHEMA_SQL = `
SELECT r.rolname AS login, n.nspname AS schema FROM pg_roles r, pg_namespace n
WHERE r.rolname = ANY ($1::name[]) AND NOT r.rolsuper AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
ORDER BY 1, 2`;

interface LoginRow {
  readonly login: string;
  readonly super: boolean;
  readonly replication: boolean;
  readonly createrole: boolean;
  readonly owner: boolean;
  readonly groups: readonly string[];
}

/** Each way in which one of these logins could write past the capture, or reach what only its owner should. */
export async function waysRound(client: ClientBase, logins: readonly string[], tables: readonly Table[]): Promise<string[]> {
  const { rows } = await client.query<LoginRow>(LOGIN_SQL, [logins, Object.keys(GROUPS)]);
  const ways = rows.flatMap(waysOfLogin);
  const owned = await client.query<{ login: string; relid: string; owner: boolean; trigger: boolean }>(TABLE_SQL, [
    logins,
    tables.map((table) => table.relid),
  ]);
  const names = new Map(tables.map((table) => [String(table.relid), tableName(table)]));
  const grouped = (what: 'owner' | 'trigger') =>
    groupBy(
      owned.rows.filter((row) => (what === 'owner' ? row.owner : row.trigger && !row.owner)),
      ({ login }) => login,
    );
  for (const [login, list] of grouped('owner'))
    ways.push(
      `${login} owns ${few(list.map(({ relid }) => names.get(relid) ?? relid))}: it can disable the triggers, and drop and re-create the table`,
    );
  for (const [login, list] of grouped('trigger'))
    ways.push(
      `${login} may create triggers on ${few(list.map(({ relid }) => names.get(relid) ?? relid))}: they run in everybody's transactions`,
    );
  const schemas = await client.query<{ login: string; schema: string }>(SCHEMA_SQL, [logins]);
  for (const [login, list] of groupBy(schemas.rows, (row) => row.login))
    ways.push(
      `${login} may create tables and functions in schema ${few(list.map(({ schema }) => schema))}: new tables are not captured before the next connect`,
    );
  return ways;
}

function waysOfLogin({ login, super: superuser, replication, createrole, owner, groups }: LoginRow): string[] {
  if (superuser) return [`${login} is a superuser: it can disable every trigger and read every image`];
  return [
    ...(owner ? [`${login} is a member of the owner of the capture`] : []),
    ...(replication ? [`${login} may use replication, which reads everything, images included`] : []),
    ...(createrole ? [`${login} may create roles, and so make logins that are not registered`] : []),
    ...groups.map((group) => `${login} is a member of ${group}: ${GROUPS[group]}`),
  ];
}

const LISTED_MAX = 5;
const few = (names: readonly string[]): string =>
  names.length <= LISTED_MAX ? names.join(', ') : `${names.slice(0, LISTED_MAX).join(', ')} and ${names.length - LISTED_MAX} more`;
