import { type ClientBase, escapeIdentifier } from 'pg';

export interface Column {
  readonly name: string;
  readonly attnum: number;
  /** Type without modifier, qualified unless in pg_catalog. */
  readonly type: string;
  /** Type with modifier, as CAST wants it. */
  readonly castType: string;
  /** Output function, qualified and quoted. */
  readonly output: string;
  /** Its text depends on settings (dates, floats, containers of anything). */
  readonly settings: boolean;
  /** GENERATED ALWAYS AS IDENTITY: can be inserted (OVERRIDING SYSTEM VALUE), never updated. */
  readonly identityAlways: boolean;
  /** GENERATED ALWAYS AS (...): never written. */
  readonly generated: boolean;
}

export interface Table {
  readonly relid: number;
  readonly schema: string;
  readonly name: string;
  readonly partitioned: boolean;
  readonly columns: readonly Column[];
  /** It has a rule that rewrites INSERT, UPDATE or DELETE. */
  readonly ruled: boolean;
  /** Tables that it inherits from (INHERITS), schema-qualified. */
  readonly parents: readonly string[];
  readonly owner: string;
  /** The connected login has the rights of the owner. */
  readonly owned: boolean;
  /** Row-level security applies to every login but the owner; to the owner, too, if \`forced\`. */
  readonly policies: 'off' | 'on' | 'forced';
  readonly unlogged: boolean;
  /** Names of the key's columns, in the key's order: the primary key, else a unique index on NOT NULL columns. Empty: no key. */
  readonly key: readonly string[];
  /** Equality of each key column in the key's index, qualified: \`OPERATOR(public.=)\` for citext. */
  readonly keyEquality: readonly string[];
}

/** Output text of one column: the type's own output function, because casts to text of some types lose (bpchar, inet). */
export const outputOf = (row: string, column: Column): string =>
  `pg_catalog.textin(${column.output}(${row}.${escapeIdentifier(column.name)}))`;

export interface SkippedTable {
  readonly table: string;
  readonly reason: string;
}

/** As operators write it: \`schema.table\`, unquoted. */
export const tableName = (table: Pick<Table, 'schema' | 'name'>): string => `${table.schema}.${table.name}`;

export const qualified = (table: Pick<Table, 'schema' | 'name'>): string =>
  `${escapeIdentifier(table.schema)}.${escapeIdentifier(table.name)}`;
/** Where its rows are addressed: children of an inherited table have triggers and a key of their own, partitions have not. */
export const target = (table: Pick<Table, 'schema' | 'name' | 'partitioned'>): string =>
  (table.partitioned ? '' : 'ONLY ') + qualified(table);

/** Types whose output depends on no setting; all others are written under fixed settings. */
const PLAIN = `'{bool,int2,int4,int8,oid,numeric,text,varchar,bpchar,char,name,uuid,json,jsonb,inet,cidr,macaddr,macaddr8,bit,varbit,xml,citext}'::name[]`;

const CATALOGUE_SQL = `
SELECT c.oid::int8 AS relid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relkind = 'p' AS partitioned, c.relispartition AS partition,
  coalesce((SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(i.columns) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum), '[]') AS key,
  (SELECT coalesce(json_agg(h.inhparent::regclass::text), '[]') FROM pg_inherits h WHERE h.inhrelid = c.oid) AS parents,
  pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') AS owned, c.relpersistence = 'u' AS unlogged,
  CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'on' END AS policies,
  coalesce((SELECT json_agg(format('OPERATOR(%I.%s)', m.nspname, o.oprname) ORDER BY k.n) FROM unnest(i.classes) WITH ORDINALITY k(opclass, n) JOIN pg_opclass x ON x.oid = k.opclass
    JOIN pg_amop y ON y.amopfamily = x.opcfamily AND y.amopstrategy = 3 AND y.amoplefttype = x.opcintype AND y.amoprighttype = x.opcintype
    JOIN pg_operator o ON o.oid = y.amopopr JOIN pg_namespace m ON m.oid = o.oprnamespace), '[]') AS "keyEquality",
  EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type <> '1') AS ruled,
  (SELECT json_agg(json_build_object('name', a.attname, 'attnum', a.attnum, 'type', format_type(a.atttypid, NULL), 'castType', format_type(a.atttypid, a.atttypmod),
      'identityAlways', a.attidentity = 'a', 'generated', a.attgenerated <> '', 'output', format('%I.%I', pn.nspname, p.proname),
      'settings', NOT (t.typtype = 'e' OR t.typname = ANY (${PLAIN}))) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_proc p ON p.oid = t.typoutput JOIN pg_namespace pn ON pn.oid = p.pronamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT (d.indkey::int2[])[0:d.indnkeyatts - 1] AS columns, (d.indclass::oid[])[0:d.indnkeyatts - 1] AS classes FROM pg_index d
  WHERE d.indrelid = c.oid AND d.indisunique AND d.indimmediate AND d.indisvalid AND d.indpred IS NULL AND d.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (d.indkey::int2[]) AND a.attnum > 0 AND NOT a.attnotnull)
  ORDER BY d.indisprimary DESC, d.indnkeyatts, d.indexrelid LIMIT 1) i ON true
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'recant') AND n.nspname !~ '^pg_' AND ($1::oid[] IS NULL OR c.oid = ANY ($1))
ORDER BY n.nspname, c.relname`;

type Row = Table & {
  readonly kind: string;
  readonly partition: boolean;
  readonly relid: string;
};

/**
 * Tables that the triggers can watch, and those they cannot, each with its reason; of all tables or of these. Partitions are part of their
 * root, unless asked for: a table that was captured and then attached is still itself.
 * A table without a key is watched, too (`key` is empty): its changes are counted and cannot be undone.
 */
export async function readCatalogue(
  client: ClientBase,
  columnsMax: number,
  relids?: readonly number[],
): Promise<{ tables: Table[]; skipped: SkippedTable[] }> {
  await client.query(`SET LOCAL search_path = pg_catalog, pg_temp`);
  const { rows } = await client.query<Row>(CATALOGUE_SQL, [relids ?? null]);
  const tables: Table[] = [];
  const skipped: SkippedTable[] = [];
  for (const row of rows) {
    if (row.partition && relids === undefined) {
      if (row.kind === 'f')
        skipped.push({ table: `${row.schema}.${row.name}`, reason: 'foreign partition: its rows are on another server' });
      continue;
    }
    const reason = whyNotCaptured(row, columnsMax);
    if (reason === undefined) tables.push({ ...row, relid: Number(row.relid) });
    else skipped.push({ table: `${row.schema}.${row.name}`, reason });
  }
  return { tables, skipped };
}

function whyNotCaptured(row: Row, columnsMax: number): string | undefined {
  if (row.kind === 'f') return 'foreign table: its rows are on another server';
  if (row.columns === null || row.columns.length === 0) return 'it has no columns';
  if (row.columns.length > columnsMax) return `expected at most ${columnsMax} columns, got ${row.columns.length}`;
  return undefined;
}
