import { escapeIdentifier, escapeLiteral } from 'pg';
import { type Column, qualified, type Table, target } from './catalogue.ts';

/** Settings under which every type's output reads back as the same value, in trigger, probe and inverse. */
export const OUTPUT_SETTINGS: Readonly<Record<string, string>> = {
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  timezone: 'UTC',
  lc_monetary: 'C',
  xmloption: 'content',
  quote_all_identifiers: 'off',
};

/** Output text of one column: the type's own output function, since casts to text of some types lose (bpchar, inet). */
export const outputOf = (row: string, column: Column): string =>
  `pg_catalog.textin(${column.output}(${row}.${escapeIdentifier(column.name)}))`;
export const imageOf = (row: string, columns: readonly Column[]): string =>
  `ARRAY[${columns.map((column) => outputOf(row, column)).join(', ')}]::text[]`;

export const keyPositions = (table: Table): number[] =>
  table.key.map((name) => table.columns.findIndex((column) => column.name === name) + 1);

export interface Recording {
  /** Ids in recant.relation and recant.shape. */
  readonly relation: number;
  readonly shape: number;
}

export const functionName = (relation: number): string => `recant.capture_${relation}`;
const note = (relation: number, attnum: number): string => `,${relation}.${attnum},`;

/** The row trigger's function. Only for named attempts it is an error that the table's columns are not those it was made for. */
export function captureFunction(table: Table, { relation, shape }: Recording): string {
  const positions = keyPositions(table);
  const keyOf = (image: string) => `ARRAY[${positions.map((position) => `${image}[${position}]`).join(', ')}]`;
  const all = `'{${table.columns.map((_, index) => index + 1).join(',')}}'::int[]`;
  const written = table.columns.map(
    (column, index) =>
      `CASE WHEN o[${index + 1}] IS DISTINCT FROM n[${index + 1}] OR position('${note(relation, column.attnum)}' in noted) > 0 THEN ${index + 1} END`,
  );
  const settings = table.columns.some((column) => column.settings) ? Object.entries(OUTPUT_SETTINGS) : [];
  const samekey = (row: string) => table.key.map((name) => `x.${escapeIdentifier(name)} = ${row}.${escapeIdentifier(name)}`).join(' AND ');
  return `CREATE OR REPLACE FUNCTION ${functionName(relation)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
${settings.map(([name, value]) => `SET ${name} = ${name === 'datestyle' ? value : escapeLiteral(value)}`).join(' ')} AS $recant$
DECLARE a bigint; o text[]; n text[]; x text[]; noted text; overtaken boolean;
BEGIN
  SELECT t.attempt INTO a FROM recant.transaction t WHERE t.xid = pg_current_xact_id() AND t.started = now();
  IF a IS NOT NULL AND (SELECT c.relnatts FROM pg_class c WHERE c.oid = ${table.relid}) <> ${table.natts} THEN
    RAISE EXCEPTION 'recant: columns of % changed since it was prepared; prepare it again', ${escapeLiteral(qualified(table))} USING ERRCODE = '55000';
  END IF;
  IF TG_OP <> 'INSERT' THEN o := ${imageOf('OLD', table.columns)}; END IF;
  IF TG_OP <> 'DELETE' THEN n := ${imageOf('NEW', table.columns)}; END IF;
  IF a IS NOT NULL THEN
    IF pg_trigger_depth() > 1 THEN
      PERFORM set_config('recant.deep', 'on', true);
    END IF;
    IF current_setting('recant.deep', true) = 'on' THEN
      IF TG_OP = 'DELETE' THEN
        SELECT ${imageOf('x', table.columns)} INTO x FROM ${target(table)} x WHERE ${samekey('OLD')};
      ELSE
        SELECT ${imageOf('x', table.columns)} INTO x FROM ${target(table)} x WHERE ${samekey('NEW')};
      END IF;
      overtaken := x IS DISTINCT FROM n;
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    noted := coalesce(current_setting('recant.noted', true), '');
    IF noted <> '' THEN PERFORM set_config('recant.noted', '', true); END IF;
    IF ${keyOf('o')} <> ${keyOf('n')} THEN
      PERFORM recant.record_rekey(a, ${relation}, ${shape}, ${keyOf('o')}, ${keyOf('n')}, o, n, ${all});
    ELSE
      PERFORM recant.record(a, ${relation}, ${shape}, 'u', ${keyOf('o')}, o, n, array_remove(ARRAY[${written.join(', ')}], NULL), overtaken);
    END IF;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM recant.record(a, ${relation}, ${shape}, 'i', ${keyOf('n')}, NULL, n, ${all}, overtaken);
  ELSE
    PERFORM recant.record(a, ${relation}, ${shape}, 'd', ${keyOf('o')}, o, NULL, ${all}, overtaken);
  END IF;
  RETURN NULL;
END $recant$`;
}

/** Names sort after the triggers of foreign keys (\`RI_...\`) and after nearly everybody's; notes right before the recording one. */
export const TRIGGER_PREFIX = 'zz_recant_';

/** Triggers of one table, by name. */
export function captureTriggers(table: Table, relation: number): Map<string, string> {
  const on = qualified(table);
  const triggers = new Map<string, string>();
  for (const column of table.columns) {
    const name = `${TRIGGER_PREFIX}1_${column.attnum}`;
    triggers.set(
      name,
      `CREATE TRIGGER ${name} AFTER UPDATE OF ${escapeIdentifier(column.name)} ON ${on} FOR EACH ROW EXECUTE FUNCTION recant.note_column('${note(relation, column.attnum)}')`,
    );
  }
  const record = `${TRIGGER_PREFIX}2_record`;
  triggers.set(
    record,
    `CREATE TRIGGER ${record} AFTER INSERT OR UPDATE OR DELETE ON ${on} FOR EACH ROW EXECUTE FUNCTION ${functionName(relation)}()`,
  );
  const truncate = `${TRIGGER_PREFIX}3_truncate`;
  triggers.set(
    truncate,
    `CREATE TRIGGER ${truncate} BEFORE TRUNCATE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION recant.record_truncate('${relation}')`,
  );
  return triggers;
}
