import { EFFECTS_PAGE_MAX, KEY_BYTES_MAX } from './schema-sql.ts';

/**
 * Versions and effects: computed here, so that neither images nor the key leave the target. Simple enough to be inlined: about 4 µs a version
 * on one core of an EPYC with PostgreSQL 18.
 */
const VERSIONS_SQL = `
CREATE OR REPLACE FUNCTION recant.version(inner_key bytea, outer_key bytea, type text, value text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT 'v1.' || pg_catalog.translate(pg_catalog.rtrim(pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(outer_key OPERATOR(pg_catalog.||)
    pg_catalog.sha256(inner_key OPERATOR(pg_catalog.||) pg_catalog.convert_to(type || coalesce(E'\\x1fv' || value, E'\\x1fn'), 'UTF8'))),
    1, 16), 'base64'), '='), '+/', '-_')
$$;
CREATE OR REPLACE VIEW recant.effect AS
SELECT c.ordinal, c.attempt, c.pair, c.relation, c.shape, r.schema_name, r.table_name, c.key,
  CASE WHEN r.history THEN 'history' WHEN c.operation = 'i' THEN 'insert' WHEN c.operation = 'd' THEN 'delete' WHEN c.operation IN ('f', 't') THEN 'rekey'
    WHEN w.parts IS NULL THEN 'touch' ELSE 'update' END AS operation,
  CASE WHEN r.history THEN '{}'::jsonb ELSE coalesce(w.parts, '{}'::jsonb) ||
    CASE WHEN c.operation = 'u' THEN '{}'::jsonb ELSE jsonb_build_object('exists', jsonb_build_array(
      CASE WHEN c.old IS NOT NULL THEN y.present END, CASE WHEN c.new IS NOT NULL THEN y.present END)) END END AS parts,
  CASE WHEN c.operation = 'u' THEN y.present END AS read
FROM recant.change c
JOIN recant.shape s ON s.id = c.shape
JOIN recant.relation r ON r.id = c.relation
CROSS JOIN recant.system y
CROSS JOIN LATERAL (
  SELECT jsonb_object_agg(s.parts[p], jsonb_build_array(
    CASE WHEN c.old IS NOT NULL THEN recant.version(y.inner_key, y.outer_key, s.types[p], c.old[p]) END,
    CASE WHEN c.new IS NOT NULL THEN recant.version(y.inner_key, y.outer_key, s.types[p], c.new[p]) END)) AS parts
  FROM unnest(c.written) p WHERE NOT s.derived[p] AND NOT r.history) w
WHERE c.attempt IS NOT NULL;`;

/** What agents may call. SQLSTATEs: 42501 not allowed, 55000 settled or already named, 22023 malformed. */
const AGENT_SQL = `
CREATE OR REPLACE FUNCTION recant.open_attempt(p_source text, p_action text, p_attempt int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE prefix text; owner name; settled timestamptz;
BEGIN
  IF p_source IS NULL OR p_action IS NULL OR p_attempt IS NULL OR octet_length(p_source) > 256 OR octet_length(p_action) > 64 THEN
    RAISE EXCEPTION 'recant: an attempt is (source, action, attempt), at most 256 and 64 bytes' USING ERRCODE = '22023';
  END IF;
  SELECT a.source_prefix INTO prefix FROM recant.agent a WHERE a.login = session_user;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'recant: login % is not registered as an agent', session_user USING ERRCODE = '42501';
  END IF;
  IF NOT starts_with(p_source, prefix) THEN
    RAISE EXCEPTION 'recant: login % may only name sources that start with %', session_user, prefix USING ERRCODE = '42501';
  END IF;
  INSERT INTO recant.source VALUES (p_source, session_user) ON CONFLICT DO NOTHING;
  SELECT s.login INTO owner FROM recant.source s WHERE s.source = p_source;
  IF owner IS DISTINCT FROM session_user THEN
    RAISE EXCEPTION 'recant: this source belongs to another login' USING ERRCODE = '42501';
  END IF;
  INSERT INTO recant.attempt (source, action, attempt, login) VALUES (p_source, p_action, p_attempt, session_user) ON CONFLICT DO NOTHING;
  SELECT a.settled_at INTO settled FROM recant.attempt a WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt);
  IF settled IS NOT NULL THEN
    RAISE EXCEPTION 'recant: this attempt is settled; start another one' USING ERRCODE = '55000';
  END IF;
  RETURN (SELECT y.name FROM recant.system y);
END $$;
-- KEY SHARE on the attempt until this transaction ends: settling waits for it, and it waits for settling.
CREATE OR REPLACE FUNCTION recant.name_attempt(p_source text, p_action text, p_attempt int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE found_id bigint; named bigint;
BEGIN
  SELECT a.id INTO found_id FROM recant.attempt a
  WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt) AND a.login = session_user AND a.settled_at IS NULL FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'recant: login % has no such open attempt', session_user USING ERRCODE = '42501';
  END IF;
  INSERT INTO recant.transaction AS t VALUES (pg_current_xact_id(), found_id)
  ON CONFLICT (xid) DO UPDATE SET attempt = excluded.attempt, started = excluded.started WHERE t.started <> excluded.started;
  SELECT t.attempt INTO named FROM recant.transaction t WHERE t.xid = pg_current_xact_id();
  IF named IS DISTINCT FROM found_id THEN
    RAISE EXCEPTION 'recant: this transaction already belongs to another attempt' USING ERRCODE = '55000';
  END IF;
END $$;
CREATE OR REPLACE FUNCTION recant.settle_attempt(p_source text, p_action text, p_attempt int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE found_id bigint;
BEGIN
  SELECT a.id INTO found_id FROM recant.attempt a
  WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt) AND a.login = session_user FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'recant: login % has no such attempt', session_user USING ERRCODE = '42501';
  END IF;
  UPDATE recant.attempt a SET settled_at = clock_timestamp() WHERE a.id = found_id AND a.settled_at IS NULL;
END $$;
CREATE OR REPLACE FUNCTION recant.attempt_effects(p_source text, p_action text, p_attempt int, p_after bigint, p_limit int)
RETURNS TABLE (ordinal bigint, schema_name text, table_name text, key text[], operation text, parts jsonb, read text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.ordinal, e.schema_name, e.table_name, e.key, e.operation, e.parts, e.read
  FROM recant.attempt a JOIN recant.effect e ON e.attempt = a.id
  WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt) AND a.login = session_user AND e.ordinal > p_after
  ORDER BY e.ordinal LIMIT least(p_limit, ${EFFECTS_PAGE_MAX})
$$;`;

/** What the triggers call. Not executable by anybody but the owner. */
const CAPTURE_SQL = `
CREATE OR REPLACE FUNCTION recant.note_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.set_config('recant.noted', pg_catalog.concat(pg_catalog.current_setting('recant.noted', true), TG_ARGV[0]), true);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION recant.check_key(p_key text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_key text := array_to_string(p_key, ',');
BEGIN
  IF octet_length(v_key) + 2 * octet_length(regexp_replace(v_key, '[A-Za-z0-9_.!~''()-]', '', 'g')) > ${KEY_BYTES_MAX} THEN
    RAISE EXCEPTION 'recant: a primary key of over ${KEY_BYTES_MAX} percent-encoded bytes cannot be recorded' USING ERRCODE = '54000';
  END IF;
END $$;
-- Row triggers of nested statements (of a user's trigger) fire before the outer row's own. Where they changed the same row again,
-- the outer change came first although it is recorded last: the two become one net change, so that ordinals keep the row's own order.
CREATE OR REPLACE FUNCTION recant.record(p_attempt bigint, p_relation int, p_shape int, p_operation "char", p_key text[], p_old text[], p_new text[],
  p_written int[], p_overtaken boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_hash bigint := hashtextextended(array_to_string(p_key, ','), 0);
  v_depth int := pg_trigger_depth();
  v_first bigint; v_last record; v_written int[] := p_written; v_new text[] := p_new; v_operation "char" := p_operation;
BEGIN
  IF p_attempt IS NOT NULL AND octet_length(array_to_string(p_key, ',')) > ${Math.floor(KEY_BYTES_MAX / 3)} THEN
    PERFORM recant.check_key(p_key);
  END IF;
  IF p_attempt IS NULL THEN
    INSERT INTO recant.change (relation, shape, key, key_hash, operation, written, depth) VALUES (p_relation, p_shape, p_key, v_hash, p_operation, p_written, v_depth);
    RETURN;
  END IF;
  IF p_overtaken IS NOT NULL THEN
    SELECT c.ordinal, c.new INTO v_last FROM recant.change c
    WHERE c.relation = p_relation AND c.key_hash = v_hash AND c.key = p_key AND c.xid = pg_current_xact_id() AND c.recorded_at >= now() ORDER BY c.ordinal DESC LIMIT 1;
    IF FOUND AND (p_overtaken OR v_last.new IS DISTINCT FROM p_old) THEN
      SELECT min(c.ordinal) INTO v_first FROM recant.change c WHERE c.relation = p_relation AND c.key_hash = v_hash AND c.key = p_key
        AND c.xid = pg_current_xact_id() AND c.recorded_at >= now() AND c.depth > v_depth AND c.old IS NOT DISTINCT FROM p_new AND c.operation IN ('i', 'u', 'd');
      IF v_first IS NOT NULL THEN
        WITH nested AS (
          DELETE FROM recant.change c WHERE c.relation = p_relation AND c.key_hash = v_hash AND c.key = p_key AND c.xid = pg_current_xact_id() AND c.recorded_at >= now()
            AND c.ordinal >= v_first RETURNING c.written)
        SELECT array_agg(DISTINCT p ORDER BY p) INTO v_written FROM (SELECT unnest(p_written) AS p UNION SELECT unnest(n.written) FROM nested n) w;
        v_new := v_last.new;
        IF p_old IS NULL AND v_new IS NULL THEN RETURN; END IF;
        v_operation := CASE WHEN p_old IS NULL THEN 'i' WHEN v_new IS NULL THEN 'd' ELSE 'u' END;
      END IF;
    END IF;
  END IF;
  INSERT INTO recant.change (attempt, relation, shape, key, key_hash, operation, old, new, written, depth)
  VALUES (p_attempt, p_relation, p_shape, p_key, v_hash, v_operation, p_old, v_new, v_written, v_depth);
END $$;
CREATE OR REPLACE FUNCTION recant.record_rekey(p_attempt bigint, p_relation int, p_shape int, p_from text[], p_to text[], p_old text[], p_new text[],
  p_written int[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_from bigint := nextval('recant.ordinal'); v_to bigint := nextval('recant.ordinal'); v_depth int := pg_trigger_depth();
BEGIN
  IF p_attempt IS NULL THEN
    p_old := NULL;
    p_new := NULL;
  ELSE
    PERFORM recant.check_key(p_from), recant.check_key(p_to);
  END IF;
  INSERT INTO recant.change (ordinal, attempt, relation, shape, key, key_hash, operation, pair, old, new, written, depth) VALUES
    (v_from, p_attempt, p_relation, p_shape, p_from, hashtextextended(array_to_string(p_from, ','), 0), 'f', v_to, p_old, NULL, p_written, v_depth),
    (v_to, p_attempt, p_relation, p_shape, p_to, hashtextextended(array_to_string(p_to, ','), 0), 't', v_from, NULL, p_new, p_written, v_depth);
END $$;
CREATE OR REPLACE FUNCTION recant.record_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recant.transaction t WHERE t.xid = pg_current_xact_id() AND t.started = now()) THEN
    RAISE EXCEPTION 'recant: TRUNCATE cannot be captured row by row; use DELETE' USING ERRCODE = '0A000';
  END IF;
  INSERT INTO recant.change (relation, key_hash, operation, depth) VALUES (TG_ARGV[0]::int, 0, 'x', pg_trigger_depth());
  RETURN NULL;
END $$;`;

export const FUNCTIONS_SQL = VERSIONS_SQL + AGENT_SQL + CAPTURE_SQL;

/** Functions with their argument types, as GRANT wants them. */
export const AGENT_FUNCTIONS = [
  'recant.open_attempt(text, text, int)',
  'recant.name_attempt(text, text, int)',
  'recant.settle_attempt(text, text, int)',
  'recant.attempt_effects(text, text, int, bigint, int)',
] as const;
