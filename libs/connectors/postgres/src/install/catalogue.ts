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
}

export interface Table {
  readonly relid: number;
  readonly schema: string;
  readonly name: string;
  readonly partitioned: boolean;
  /** pg_class.relnatts, dropped columns included: tells an added column. */
  readonly natts: number;
  /** Columns that can be written: no generated ones. */
  readonly columns: readonly Column[];
  /** Names of the primary key's columns, in the key's order. */
  readonly key: readonly string[];
}

export interface SkippedTable {
  readonly table: string;
  readonly reason: string;
}

export const qualified = (table: Pick<Table, 'schema' | 'name'>): string =>
  `${escapeIdentifier(table.schema)}.${escapeIdentifier(table.name)}`;
/** Where its rows are addressed: children of an inherited table have triggers and a key of their own, partitions have not. */
export const target = (table: Pick<Table, 'schema' | 'name' | 'partitioned'>): string =>
  (table.partitioned ? '' : 'ONLY ') + qualified(table);

/** Types whose output depends on no setting; all others are written under fixed settings. */
const PLAIN = `'{bool,int2,int4,int8,oid,numeric,text,varchar,bpchar,char,name,uuid,json,jsonb,inet,cidr,macaddr,macaddr8,bit,varbit,xml,citext}'::name[]`;

const CATALOGUE_SQL = `
SELECT c.oid::int8 AS relid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned, c.relnatts AS natts, c.relpersistence AS persistence,
  i.indisprimary IS TRUE AS keyed, i.indimmediate IS TRUE AS immediate, c.relispartition AS partition,
  (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) AS key,
  (SELECT json_agg(json_build_object('name', a.attname, 'attnum', a.attnum, 'type', format_type(a.atttypid, NULL), 'castType', format_type(a.atttypid, a.atttypmod),
      'identityAlways', a.attidentity = 'a', 'output', format('%I.%I', pn.nspname, p.proname), 'settings', NOT (t.typtype = 'e' OR t.typname = ANY (${PLAIN}))) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_proc p ON p.oid = t.typoutput JOIN pg_namespace pn ON pn.oid = p.pronamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'recant') AND n.nspname !~ '^pg_' AND ($1::oid[] IS NULL OR c.oid = ANY ($1))
ORDER BY n.nspname, c.relname`;

type Row = Table & {
  readonly keyed: boolean;
  readonly immediate: boolean;
  readonly partition: boolean;
  readonly persistence: string;
  readonly relid: string;
};

/** Tables that can be captured, and those that cannot with the reason; of all tables or of these. Partitions are part of their root. */
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
    if (row.partition) continue;
    const reason = !row.keyed
      ? 'no primary key'
      : !row.immediate
        ? 'its primary key is deferrable: no order of its rows'
        : row.columns.length > columnsMax
          ? `over ${columnsMax} columns`
          : undefined;
    if (reason === undefined) tables.push({ ...row, relid: Number(row.relid) });
    else skipped.push({ table: `${row.schema}.${row.name}`, reason });
  }
  return { tables, skipped };
}
