import { IS_MEASURED, MEASURED_EVERY } from './limits-sql.ts';

/**
 * The capture triggers' functions. One generic body for every table: it names no column, so ADD, DROP, RENAME and TYPE of columns and new
 * partitions need no new trigger. Below the queue's limits, and while nothing is frozen, it reads no table but the catalogue; it parses nothing and has no EXCEPTION block.
 */

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

export const settingsClause = Object.entries(OUTPUT_SETTINGS)
  .map(([name, value]) => `SET ${name} = ${name === 'datestyle' ? value : `'${value}'`}`)
  .join(' ');

/** Bytes of a row from which an update stores only where it differs. */
const LARGE_ROW = 8_192;

/**
 * Hash of a relation's columns: number, type, modifier, generated, name. 48 bits a column, so that no sum overflows a bigint. Once a transaction and
 * relation: half of what a text of the columns costs (15 instead of 32 µs, 2 cores of a Xeon, PostgreSQL 18).
 */
const shapeHash = (relid: string): string => `(SELECT coalesce(sum(hashnameextended(a.attname, hashint8extended(
      a.atttypid::bigint << 32 | (a.atttypmod::bigint & 4294967295), a.attnum * 2 + (a.attgenerated <> '')::int)) & 281474976710655), 0)
    FROM pg_attribute a WHERE a.attrelid = ${relid} AND a.attnum > 0 AND NOT a.attisdropped)`;

/** The columns themselves, one a line: `attnum type modifier generated name`, the name as JSON. */
const SIGNATURE_SQL = `
CREATE OR REPLACE FUNCTION recant.signature(p_relid oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(a.attnum || ' ' || a.atttypid || ' ' || a.atttypmod || ' ' || (a.attgenerated <> '')::int || ' ' || to_json(a.attname), E'\\n' ORDER BY a.attnum)
  FROM pg_attribute a WHERE a.attrelid = p_relid AND a.attnum > 0 AND NOT a.attisdropped
$$;
CREATE OR REPLACE FUNCTION recant.shape_hash(p_relid oid) RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ${shapeHash('p_relid')}::bigint
$$;`;

/** Length of the common start, and of the common end of what is left: by halving, each comparison is one memcmp. */
const SHARED_ENDS_SQL = `
CREATE OR REPLACE FUNCTION recant.shared_ends(p_old text, p_new text, OUT head int, OUT tail int) LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_low int := 0; v_high int := least(length(p_old), length(p_new)); v_middle int;
BEGIN
  WHILE v_low < v_high LOOP
    v_middle := (v_low + v_high + 1) / 2;
    IF left(p_old, v_middle) = left(p_new, v_middle) THEN v_low := v_middle; ELSE v_high := v_middle - 1; END IF;
  END LOOP;
  head := v_low;
  v_low := 0;
  v_high := least(length(p_old), length(p_new)) - head;
  WHILE v_low < v_high LOOP
    v_middle := (v_low + v_high + 1) / 2;
    IF right(p_old, v_middle) = right(p_new, v_middle) THEN v_low := v_middle; ELSE v_high := v_middle - 1; END IF;
  END LOOP;
  tail := v_low;
END $$;`;

/** Settings under which a row's text is what OUTPUT_SETTINGS would give: the usual ones, checked where a row is written. */
const HARMLESS = `left(current_setting('datestyle'), 3) = 'ISO' AND current_setting('timezone') IN ('UTC', 'Etc/UTC', 'GMT')
    AND current_setting('intervalstyle') = 'postgres' AND current_setting('extra_float_digits') IN ('1', '2', '3') AND current_setting('bytea_output') = 'hex'
    AND current_setting('lc_monetary') = 'C' AND current_setting('quote_all_identifiers') = 'off'`;

/** Under other settings: 9 instead of 2 µs a row (2 cores of a Xeon, PostgreSQL 18). */
const FIXED_TEXT_SQL = `
CREATE OR REPLACE FUNCTION recant.fixed_text(p_row record) RETURNS text LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp ${settingsClause} AS $$
BEGIN
  RETURN p_row::text;
END $$;`;

/**
 * `recant.shape_<oid>` remembers the relation's hash for the transaction. An agent that sets it itself records rows whose shape `recant.absorb` then
 * takes from the catalogue. Arguments of a trigger: the hash at the last `connect`, whose columns are recorded, and the same again where no column's
 * text depends on a setting. A statement costs 1 to 5 µs in each transaction that comes to it, so that the usual row passes few of them.
 */
const ROW_SQL = `
CREATE OR REPLACE FUNCTION recant.capture_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_shape text := current_setting('recant.shape_' || TG_RELID, true);
  v_signature text; v_old text; v_new text; v_head int; v_tail int; v_ordinal bigint;
BEGIN
  IF coalesce(pg_sequence_last_value('recant.queue_level'), 1) + coalesce(pg_sequence_last_value('recant.freeze_level'), 1) > 2 THEN
    PERFORM recant.refuse_frozen();
    IF coalesce(pg_sequence_last_value('recant.queue_level'), 1) > 1 AND recant.is_lost(TG_RELID) THEN RETURN NULL; END IF;
  END IF;
  IF v_shape IS NULL OR v_shape = '' THEN
    v_shape := set_config('recant.shape_' || TG_RELID, ${shapeHash('TG_RELID')}::text, true);
    IF v_shape IS DISTINCT FROM TG_ARGV[0] THEN v_signature := recant.signature(TG_RELID); END IF;
  END IF;
  -- OLD of an insert and NEW of a delete are NULL, and so are their fields.
  IF v_shape = TG_ARGV[1] THEN
    v_old := OLD::text;
    v_new := NEW::text;
  ELSIF ${HARMLESS} THEN
    v_old := OLD::text;
    v_new := NEW::text;
  ELSE
    v_old := recant.fixed_text(OLD);
    v_new := recant.fixed_text(NEW);
  END IF;
  v_ordinal := nextval('recant.ordinal');
  IF v_ordinal % ${MEASURED_EVERY * 2} = 1 OR octet_length(v_old) > ${LARGE_ROW} OR octet_length(v_new) > ${LARGE_ROW} THEN
    IF ${IS_MEASURED} THEN PERFORM recant.measure_queue(); END IF;
    IF octet_length(v_new) > ${LARGE_ROW} AND octet_length(v_old) > ${LARGE_ROW} THEN
      SELECT e.head, e.tail INTO v_head, v_tail FROM recant.shared_ends(v_old, v_new) e;
      v_new := substr(v_new, v_head + 1, length(v_new) - v_head - v_tail);
    END IF;
  END IF;
  INSERT INTO recant.capture (ordinal, relid, operation, old_tid, new_tid, shape, signature, old, new, head, tail)
  VALUES (v_ordinal, TG_RELID, CASE TG_OP WHEN 'INSERT' THEN 'i' WHEN 'UPDATE' THEN 'u' ELSE 'd' END::"char",
    CASE WHEN TG_OP <> 'INSERT' THEN OLD.ctid END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.ctid END, v_shape::bigint, v_signature, v_old, v_new, v_head, v_tail);
  RETURN NULL;
END $$;`;

const TRUNCATE_SQL = `
CREATE OR REPLACE FUNCTION recant.capture_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recant.agent a WHERE a.login = session_user) THEN
    RAISE EXCEPTION 'recant: TRUNCATE by an agent''s login (%) is refused, because it cannot be undone; use DELETE', session_user USING ERRCODE = '0A000';
  END IF;
  INSERT INTO recant.capture (relid, operation) VALUES (TG_RELID, 'x');
  RETURN NULL;
END $$;`;

export const TRIGGER_FUNCTIONS_SQL = [SIGNATURE_SQL, SHARED_ENDS_SQL, FIXED_TEXT_SQL, ROW_SQL, TRUNCATE_SQL].join('\n');

/** Names sort after the triggers of foreign keys (`RI_...`) and after nearly every other trigger. */
export const TRIGGER_PREFIX = 'zz_recant_';

interface Kind {
  /** Set for tables with a row trigger of their own: not for partitions. */
  readonly row?: { readonly relid: number; readonly partitioned: boolean };
  /** Hash of the recorded columns. */
  readonly shape?: string;
  /** No column's text depends on a setting. */
  readonly plain?: boolean;
}

/**
 * Triggers of one table (or partition), by name. Row triggers are cloned to partitions by PostgreSQL, statement triggers are not. The name of a
 * partitioned table's is its own, so that a captured table can be attached: until the next `connect` such a table has both, and
 * `recant.absorb` drops the second record of each change.
 */
export function captureTriggers(on: string, { row, shape = '', plain = false }: Kind): Map<string, string> {
  const triggers = new Map<string, string>();
  const rowName = `${TRIGGER_PREFIX}2_row${row?.partitioned ? `_${row.relid}` : ''}`;
  const truncateName = `${TRIGGER_PREFIX}1_truncate`;
  if (row)
    triggers.set(
      rowName,
      `CREATE TRIGGER ${rowName} AFTER INSERT OR UPDATE OR DELETE ON ${on} FOR EACH ROW EXECUTE FUNCTION recant.capture_row(${plain ? `${shape}, ${shape}` : shape})`,
    );
  triggers.set(
    truncateName,
    `CREATE TRIGGER ${truncateName} BEFORE TRUNCATE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION recant.capture_truncate()`,
  );
  return triggers;
}
