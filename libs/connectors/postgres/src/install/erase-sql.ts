import { KEYS_WITHOUT_TEXT } from './key-types.ts';
import { settingsClause } from './trigger-sql.ts';

/** How long erasure waits for a lock; the service tries again. */
const LOCK_TIMEOUT_MS = 5_000;

/** Rows of tables that \`connect --subject\` assigned to persons: \`customer/{id}\` is prefix, attribute number and suffix. */
export const SUBJECT_TABLES_SQL = `
CREATE TABLE IF NOT EXISTS recant.subject (
  relid oid NOT NULL,
  attribute int NOT NULL,
  prefix text NOT NULL,
  suffix text NOT NULL,
  PRIMARY KEY (relid, attribute, prefix, suffix)
);
-- Attempts whose images were blanked: they cannot be undone.
CREATE TABLE IF NOT EXISTS recant.erased (attempt bigint PRIMARY KEY, subject text NOT NULL, erased_at timestamptz NOT NULL DEFAULT clock_timestamp());`;

/**
 * Key hashes of a table's rows of one subject: rows that have its value now (found by the column's own equality), and rows that had it in any image.
 * An update's image has the key and what changed only: its row is that of the images before and after it, or of the row itself, unless somebody without images
 * made, removed or reassigned the row in between. \`unassigned\`: rows with an image of which nothing says whose it was.
 */
const FIND_SQL = `
CREATE OR REPLACE FUNCTION recant.subject_keys(p_relation int, p_attribute int, p_value text, OUT hashes bigint[], OUT unassigned bigint, OUT problem text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off ${settingsClause} AS $$
DECLARE v_relid oid; v_from text; v_type text; v_column text; v_keys text; v_join text; v_live bigint[]; v_doubt bigint[]; v_lost bigint[];
BEGIN
  hashes := recant.imaged_keys(p_relation, p_attribute, p_value);
  SELECT coalesce(array_agg(d.key_hash) FILTER (WHERE NOT d.lost), '{}'), coalesce(array_agg(d.key_hash) FILTER (WHERE d.lost), '{}')
  INTO v_doubt, v_lost FROM recant.doubtful_keys(p_relation, p_attribute) d;
  SELECT r.relid, CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END || format('%I.%I', n.nspname, c.relname) INTO v_relid, v_from
  FROM recant.relation r JOIN pg_class c ON c.oid = r.relid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.id = p_relation;
  SELECT format('%I', a.attname), format_type(a.atttypid, NULL) INTO v_column, v_type FROM pg_attribute a WHERE a.attrelid = v_relid AND a.attnum = p_attribute AND NOT a.attisdropped;
  SELECT string_agg(format('recant.key_text(%L, format(''%%s'', t.%I))', format_type(a.atttypid, NULL), a.attname), ', ' ORDER BY k.n),
    string_agg(format('t.%I = CAST(u.key[%s] AS %s)', a.attname, k.n, format_type(a.atttypid, a.atttypmod)), ' AND ' ORDER BY k.n)
  INTO v_keys, v_join FROM recant.relation r CROSS JOIN unnest(r.key_columns) WITH ORDINALITY k(attribute, n) JOIN pg_attribute a ON a.attrelid = r.relid AND a.attnum = k.attribute WHERE r.id = p_relation;
  IF v_from IS NULL OR v_column IS NULL OR v_keys IS NULL THEN
    v_lost := v_lost || v_doubt;
    problem := CASE WHEN cardinality(v_lost) > 0 THEN 'the table, its key or the column is gone' END;
  ELSE
    BEGIN
      EXECUTE format('SELECT array_agg(recant.key_hash(ARRAY[%s]::text[])) FROM %s t WHERE t.%s = CAST($1 AS %s)', v_keys, v_from, v_column, v_type) INTO v_live USING p_value;
      hashes := hashes || coalesce(v_live, '{}');
    EXCEPTION WHEN data_exception THEN NULL; -- no value of the column's type
      WHEN insufficient_privilege OR undefined_function OR lock_not_available THEN problem := SQLERRM;
    END;
    BEGIN
      EXECUTE format('SELECT coalesce(array_agg(u.key_hash), ''{}'') FROM (SELECT DISTINCT ON (c.key_hash) c.key_hash, c.key FROM recant.change c WHERE c.relation = $1 AND c.key_hash = ANY ($2) AND c.key IS NOT NULL) u
        WHERE NOT EXISTS (SELECT FROM %s t WHERE %s)', v_from, v_join) INTO v_doubt USING p_relation, v_doubt;
    EXCEPTION WHEN data_exception OR insufficient_privilege OR undefined_function OR lock_not_available THEN problem := coalesce(problem, SQLERRM);
    END;
    v_lost := v_lost || v_doubt;
  END IF;
  SELECT count(*) INTO unassigned FROM unnest(v_lost) l(hash) WHERE l.hash <> ALL (hashes);
END $$;
CREATE OR REPLACE FUNCTION recant.imaged_keys(p_relation int, p_attribute int, p_value text) RETURNS bigint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT array_agg(DISTINCT c.key_hash)
    FROM recant.change c JOIN recant.shape s ON s.id = c.shape CROSS JOIN LATERAL (SELECT array_position(s.attributes, p_attribute)) p(n)
    WHERE c.relation = p_relation AND p.n IS NOT NULL AND c.key IS NOT NULL
      AND recant.key_text(s.types[p.n], p_value) IN (recant.key_text(s.types[p.n], c.old[p.n]), recant.key_text(s.types[p.n], c.new[p.n]))), '{}');
EXCEPTION WHEN data_exception THEN RETURN '{}';
END $$;
-- Keys with an image that does not say whose the row was. \`lost\`: the row now cannot say it either, because somebody without images made, removed or reassigned it since.
CREATE OR REPLACE FUNCTION recant.doubtful_keys(p_relation int, p_attribute int) RETURNS TABLE (key_hash bigint, lost boolean) LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH told AS (
    SELECT c.key_hash, c.ordinal, c.old IS NOT NULL OR c.new IS NOT NULL AS image, c.operation <> 'u' OR coalesce(p.n = ANY (c.written), false) AS assigns,
      cardinality(c.written) = 0 OR coalesce(p.n = ANY (s.key_positions), false) AS whole
    FROM recant.change c JOIN recant.shape s ON s.id = c.shape CROSS JOIN LATERAL (SELECT array_position(s.attributes, p_attribute)) p(n)
    WHERE c.relation = p_relation AND c.key IS NOT NULL),
  spans AS (SELECT t.*, count(*) FILTER (WHERE NOT t.image AND t.assigns) OVER (PARTITION BY t.key_hash ORDER BY t.ordinal) AS span FROM told t),
  spanned AS (SELECT s.key_hash, s.span, bool_or(s.image) AS image, bool_or(s.image AND (s.assigns OR s.whole)) AS said,
      s.span = max(s.span) OVER (PARTITION BY s.key_hash) AS latest FROM spans s GROUP BY s.key_hash, s.span)
  SELECT d.key_hash, bool_or(NOT d.latest) FROM spanned d WHERE d.image AND NOT d.said GROUP BY d.key_hash
$$;`;

/**
 * Blanks images and textual keys of a subject's rows, in every change that the ledger knows. Never the key's hash, the written parts or the order, by which
 * the changes guard the work of others. \`p_waiting\`: transactions that had captured changes when erasure was first tried; NULL: this is the first time.
 */
const ERASE_SUBJECT_SQL = `
CREATE OR REPLACE FUNCTION recant.erase_subject(p_subject text, p_waiting text[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '${LOCK_TIMEOUT_MS}ms' AS $$
DECLARE m record; k record; v_changes bigint := 0; v_some bigint; v_late bigint := 0; v_late_some bigint; v_tables int := 0; v_left jsonb := '[]'; v_waiting text[];
BEGIN
  PERFORM recant.absorb();
  PERFORM FROM recant.system FOR UPDATE;
  FOR m IN
    SELECT r.id, r.schema_name || '.' || r.table_name AS name, s.attribute, substr(p_subject, length(s.prefix) + 1, length(p_subject) - length(s.prefix) - length(s.suffix)) AS value
    FROM recant.subject s JOIN recant.relation r ON r.relid = s.relid
    WHERE starts_with(p_subject, s.prefix) AND right(p_subject, length(s.suffix)) = s.suffix AND length(p_subject) > length(s.prefix) + length(s.suffix) ORDER BY 2, 3
  LOOP
    v_tables := v_tables + 1;
    SELECT * INTO k FROM recant.subject_keys(m.id, m.attribute, m.value);
    SELECT count(*) INTO v_late_some FROM recant.change c WHERE c.relation = m.id AND c.key_hash = ANY (k.hashes) AND (c.old IS NOT NULL OR c.new IS NOT NULL)
      AND EXISTS (SELECT FROM recant.undrained u WHERE u.xid = c.xid AND u.login = c.login);
    v_late := v_late + v_late_some;
    WITH blanked AS (
      UPDATE recant.change c SET old = NULL, new = NULL,
        key = CASE WHEN EXISTS (SELECT FROM recant.shape s, unnest(s.key_positions) p WHERE s.id = c.shape AND s.types[p] <> ALL (${KEYS_WITHOUT_TEXT})) THEN NULL ELSE c.key END
      WHERE c.relation = m.id AND c.key_hash = ANY (k.hashes) AND c.key IS NOT NULL
        AND NOT EXISTS (SELECT FROM recant.undrained u WHERE u.xid = c.xid AND u.login = c.login)
        AND (c.old IS NOT NULL OR c.new IS NOT NULL OR EXISTS (SELECT FROM recant.shape s, unnest(s.key_positions) p WHERE s.id = c.shape AND s.types[p] <> ALL (${KEYS_WITHOUT_TEXT})))
      RETURNING c.attempt),
    marked AS (INSERT INTO recant.erased (attempt, subject) SELECT DISTINCT b.attempt, p_subject FROM blanked b WHERE b.attempt IS NOT NULL ON CONFLICT DO NOTHING)
    SELECT count(*) INTO v_some FROM blanked;
    v_changes := v_changes + v_some;
    IF k.unassigned > 0 OR k.problem IS NOT NULL THEN
      v_left := v_left || jsonb_build_object('table', m.name, 'rows', k.unassigned, 'problem', k.problem);
    END IF;
  END LOOP;
  SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}') INTO v_waiting FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.relation = 'recant.capture'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND (p_waiting IS NULL OR l.virtualtransaction = ANY (p_waiting));
  RETURN jsonb_build_object('changes', v_changes, 'tables', v_tables, 'undrained', v_late, 'waiting', to_jsonb(v_waiting), 'unassigned', v_left,
    'images', v_tables > 0 OR EXISTS (SELECT FROM recant.change c WHERE c.old IS NOT NULL OR c.new IS NOT NULL));
END $$;`;

export const ERASE_FUNCTIONS_SQL = FIND_SQL + ERASE_SUBJECT_SQL;
