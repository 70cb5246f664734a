import { IS_MEASURED } from './limits-sql.ts';

/**
 * The capture triggers' functions. One generic body for every table: it names no column, so ADD, DROP, RENAME and TYPE of columns and new
 * partitions need no new trigger. Below the queue's limits it reads no table but the catalogue; it parses nothing and has no EXCEPTION block.
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

/** Columns of a relation, and their hash: `attnum type name`, one a line. */
const SIGNATURE_SQL = `
CREATE OR REPLACE FUNCTION recant.signature(p_relid oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(a.attnum || ' ' || a.atttypid || ' ' || a.atttypmod || ' ' || (a.attgenerated <> '')::int || ' ' || a.attname, E'\\n' ORDER BY a.attnum)
  FROM pg_attribute a WHERE a.attrelid = p_relid AND a.attnum > 0 AND NOT a.attisdropped
$$;
-- 48 bits, so that no text that a session could set overflows a bigint.
CREATE OR REPLACE FUNCTION recant.hash_of(p_signature text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.hashtextextended(p_signature, 0) & 281474976710655
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
CREATE OR REPLACE FUNCTION recant.fixed_text(p_row record) RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp ${settingsClause} AS $$
BEGIN
  RETURN p_row::text;
END $$;`;

/**
 * `recant.shape_<oid>` remembers for the transaction that the relation's signature is recorded, and its hash. An agent that sets it itself
 * records rows whose shape `recant.absorb` then takes from the catalogue. The argument of a trigger is the hash of columns whose text depends on
 * no setting; a table that was altered since, or has none, has its settings checked.
 */
const ROW_SQL = `
CREATE OR REPLACE FUNCTION recant.capture_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_setting text := 'recant.shape_' || TG_RELID;
  v_shape text := current_setting(v_setting, true);
  v_signature text; v_old text; v_new text; v_head int; v_tail int; v_ordinal bigint;
BEGIN
  IF coalesce(pg_sequence_last_value('recant.queue_level'), 1) > 1 AND recant.is_lost(TG_RELID) THEN RETURN NULL; END IF;
  IF v_shape IS NULL OR v_shape = '' THEN
    v_signature := recant.signature(TG_RELID);
    v_shape := recant.hash_of(v_signature);
    PERFORM set_config(v_setting, v_shape, true);
  END IF;
  IF v_shape = TG_ARGV[0] OR (${HARMLESS}) THEN
    IF TG_OP <> 'INSERT' THEN v_old := OLD::text; END IF;
    IF TG_OP <> 'DELETE' THEN v_new := NEW::text; END IF;
  ELSE
    IF TG_OP <> 'INSERT' THEN v_old := recant.fixed_text(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN v_new := recant.fixed_text(NEW); END IF;
  END IF;
  v_ordinal := nextval('recant.ordinal');
  IF ${IS_MEASURED} THEN PERFORM recant.measure_queue(); END IF;
  IF TG_OP = 'INSERT' THEN
    INSERT INTO recant.capture (ordinal, relid, operation, new_tid, shape, signature, new)
    VALUES (v_ordinal, TG_RELID, 'i', NEW.ctid, v_shape::bigint, v_signature, v_new);
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO recant.capture (ordinal, relid, operation, old_tid, shape, signature, old)
    VALUES (v_ordinal, TG_RELID, 'd', OLD.ctid, v_shape::bigint, v_signature, v_old);
  ELSE
    IF octet_length(v_new) > ${LARGE_ROW} AND octet_length(v_old) > ${LARGE_ROW} THEN
      SELECT e.head, e.tail INTO v_head, v_tail FROM recant.shared_ends(v_old, v_new) e;
      v_new := substr(v_new, v_head + 1, length(v_new) - v_head - v_tail);
    END IF;
    INSERT INTO recant.capture (ordinal, relid, operation, old_tid, new_tid, shape, signature, old, new, head, tail)
    VALUES (v_ordinal, TG_RELID, 'u', OLD.ctid, NEW.ctid, v_shape::bigint, v_signature, v_old, v_new, v_head, v_tail);
  END IF;
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
  /** Hash of the columns, where no column's text depends on a setting. */
  readonly plain?: string | undefined;
}

/**
 * Triggers of one table (or partition), by name. Row triggers are cloned to partitions by PostgreSQL, statement triggers are not. The name of a
 * partitioned table's is its own, so that a captured table can be attached: until the next `connect` such a table has both, and
 * `recant.absorb` drops the second record of each change.
 */
export function captureTriggers(on: string, { row, plain = '' }: Kind): Map<string, string> {
  const triggers = new Map<string, string>();
  const rowName = `${TRIGGER_PREFIX}2_row${row?.partitioned ? `_${row.relid}` : ''}`;
  const truncateName = `${TRIGGER_PREFIX}1_truncate`;
  if (row)
    triggers.set(
      rowName,
      `CREATE TRIGGER ${rowName} AFTER INSERT OR UPDATE OR DELETE ON ${on} FOR EACH ROW EXECUTE FUNCTION recant.capture_row(${plain})`,
    );
  triggers.set(
    truncateName,
    `CREATE TRIGGER ${truncateName} BEFORE TRUNCATE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION recant.capture_truncate()`,
  );
  return triggers;
}
