import type { ClientBase } from 'pg';
import { formatRow } from '../resource.ts';
import { outputOf, type SkippedTable, type Table, tableName, target } from './catalogue.ts';
import type { Choice } from './choose.ts';
import type { AgentRole } from './grants.ts';

/** Keys of each table that are tried against the redaction rules. */
const KEYS_SAMPLED = 100;

/** A captured table that an undo cannot write, or not always. */
export function limitsOf(table: Table, undoOwns: boolean): SkippedTable[] {
  const limits: string[] = [];
  const of = table.parents.length === 0 ? '' : `, child of ${table.parents.join(', ')} (INHERITS), whose key does not apply to it`;
  if (table.key.length === 0) limits.push(`no primary key and no unique index on NOT NULL columns${of}: changes are counted, not undone`);
  if (table.ruled) limits.push('it has a rule (CREATE RULE): PostgreSQL refuses the statements of an undo');
  if (table.policies === 'forced' || (table.policies === 'on' && !undoOwns))
    limits.push('row-level security hides rows from the undo login: an undo there ends `unreadable`, unless that login has BYPASSRLS');
  if (table.unlogged) limits.push('unlogged: a crash of the server empties it without a trace');
  if (table.key.length !== table.keyEquality.length)
    limits.push('its key has a column without an equality that its index uses: an undo fails');
  for (const { name, type } of table.columns.filter((column) => table.key.includes(column.name) && !hasOneSpelling(column.type)))
    limits.push(`key column ${name} has type ${type}: values that its index calls equal count as one row only if they are written alike`);
  return limits.map((reason) => ({ table: tableName(table), reason }));
}

/** Types in pg_catalog, and those of the server's own extensions that have one text for each value, or that `recant.key_text` knows. */
const hasOneSpelling = (type: string): boolean =>
  !type.includes('.') || /\.(citext|ltree|hstore|cube|isbn(13)?|issn(13)?|ismn(13)?|ean13|upc)$/.test(type);

/** Names under which applications commonly maintain a column themselves. */
const MAINTAINED =
  /^(updated|modified|changed|touched|last_(updated|modified|changed|seen|used|login))(_(at|on|time|ts|date))?$|_counts?$|^(row_?|lock_?)version$|^search_?vector$/i;

/** Columns that look as if the application maintained them; only the operator can say so, with `--derived`. */
export function candidatesOf({ tables, derived }: Choice): string[] {
  return tables.flatMap((table) => {
    const known = new Set((derived.get(table.relid) ?? []).map(({ column }) => column));
    return table.columns
      .filter(({ name }) => MAINTAINED.test(name) && !known.has(name) && !table.key.includes(name))
      .map(({ name }) => `${tableName(table)}.${name}`);
  });
}

export interface MaskedKey {
  readonly table: string;
  readonly rule: string;
}

/** Tables with a key that redaction would mask: the row's resource is then another one, and its undo is not recorded. */
export async function maskedKeys(
  client: ClientBase,
  system: string,
  tables: readonly Table[],
  ruleFor: (text: string) => string | undefined,
): Promise<MaskedKey[]> {
  const masked: MaskedKey[] = [];
  for (const table of tables.filter(({ key }) => key.length > 0)) {
    const key = table.key.map((name) => table.columns.find((column) => column.name === name)).filter((column) => column !== undefined);
    const { rows } = await client.query<{ key: string[] }>(
      `SELECT ARRAY[${key.map((column) => outputOf('t', column)).join(', ')}] AS key FROM ${target(table)} t LIMIT ${KEYS_SAMPLED}`,
    );
    const found = rows
      .map((row) => ruleFor(formatRow({ system, schema: table.schema, table: table.name, key: row.key })))
      .find((rule) => rule !== undefined);
    if (found !== undefined) masked.push({ table: tableName(table), rule: found });
  }
  return masked;
}

/** Publications that would send the capture, images included, to subscribers. */
export async function leakingPublications(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT DISTINCT p.pubname AS name FROM pg_publication_tables p WHERE p.schemaname = 'recant' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Logins under which more than one agent, or somebody else, can write: what the capture knows of them is the login. */
export async function sharedLogins(
  client: ClientBase,
  agents: readonly AgentRole[],
  service: readonly (string | undefined)[],
): Promise<string[]> {
  const logins = agents.map((agent) => (typeof agent === 'string' ? agent : agent.role));
  const { rows } = await client.query<{ me: string; groups: string[] }>(
    `SELECT session_user AS me, ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.rolname = ANY ($1::name[]) AND NOT r.rolcanlogin) AS groups`,
    [logins],
  );
  const { me = '', groups = [] } = rows[0] ?? {};
  return [...new Set(logins)].flatMap((login) => [
    ...(logins.filter((other) => other === login).length > 1
      ? [`${login} is named for several agents: their attempts cannot be told apart, except by what they name`]
      : []),
    ...(login === me ? [`${login} is the connecting owner's login: the agent can switch the capture off`] : []),
    ...(service.includes(login) ? [`${login} is also a login of the service: an agent must not have it`] : []),
    ...(groups.includes(login) ? [`${login} cannot log in: name the logins that are its members`] : []),
  ]);
}
