/**
 * Versions and effects: computed in the target, so that neither images nor the key leave it. STABLE, because `convert_to` is: a function that says IMMUTABLE is not
 * inlined then, and a version costs three times as much (22 instead of 6 µs under load, 2026-12, PostgreSQL 18). `replace` twice costs a fifth of `translate`.
 */
const VERSIONS_SQL = `
CREATE OR REPLACE FUNCTION recant.version(inner_key bytea, outer_key bytea, type text, value text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT 'v1.' || pg_catalog.replace(pg_catalog.replace(pg_catalog.rtrim(pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(outer_key OPERATOR(pg_catalog.||)
    pg_catalog.sha256(inner_key OPERATOR(pg_catalog.||) pg_catalog.convert_to(type || coalesce(E'\\x1fv' || value, E'\\x1fn'), 'UTF8'))),
    1, 16), 'base64'), '='), '+', '-'), '/', '_')
$$;
-- Readable changes of attempts as effects. Derived columns and history are no parts. Written: what changed, else the whole row.
CREATE OR REPLACE VIEW recant.effect AS
SELECT c.ordinal, c.xid, c.login, c.attempt, c.pair, c.relation, c.shape, r.schema_name, r.table_name, c.key,
  CASE WHEN r.history THEN 'history' WHEN c.operation = 'i' THEN 'insert' WHEN c.operation = 'd' THEN 'delete' WHEN c.operation IN ('f', 't') THEN 'rekey'
    WHEN p.parts IS NULL OR w.whole THEN 'touch' ELSE 'update' END AS operation,
  CASE WHEN r.history THEN '{}'::jsonb ELSE coalesce(p.parts, '{}'::jsonb) ||
    CASE WHEN c.operation = 'u' THEN '{}'::jsonb ELSE jsonb_build_object('exists', jsonb_build_array(
      CASE WHEN c.old IS NOT NULL THEN y.present END, CASE WHEN c.new IS NOT NULL THEN y.present END)) END END AS parts,
  CASE WHEN c.operation = 'u' THEN y.present END AS read, c.written
FROM recant.change c
JOIN recant.shape s ON s.id = c.shape
JOIN recant.relation r ON r.id = c.relation
CROSS JOIN recant.system y
CROSS JOIN LATERAL (SELECT c.operation <> 'u' OR cardinality(c.written) = 0 AS whole) w
CROSS JOIN LATERAL (
  SELECT jsonb_object_agg(s.parts[n], jsonb_build_array(
    CASE WHEN c.old IS NOT NULL THEN recant.version(y.inner_key, y.outer_key, s.types[n], c.old[n]) END,
    CASE WHEN c.operation = 'u' AND c.new IS NULL THEN recant.version(y.inner_key, y.outer_key, s.types[n], c.old[n])
      WHEN c.new IS NOT NULL THEN recant.version(y.inner_key, y.outer_key, s.types[n], c.new[n]) END)) AS parts
  FROM unnest(CASE WHEN w.whole THEN ARRAY(SELECT generate_subscripts(s.columns, 1)) ELSE c.written END) n
  WHERE s.attributes[n] <> ALL (r.derived) AND NOT r.history) p
WHERE c.attempt IS NOT NULL AND c.key IS NOT NULL;`;

/** Functions for agents. SQLSTATEs: 42501 not allowed, 55000 settled or already named, 22023 malformed. */
const AGENT_SQL = `
-- NULL: it exists.
CREATE OR REPLACE FUNCTION recant.add_attempt(p_source text, p_action text, p_attempt int) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE prefix text; owner name; v_id bigint;
BEGIN
  -- Names that no event can carry name nobody: the ledger could not be told whose the changes are.
  IF p_source IS NULL OR p_action IS NULL OR p_attempt IS NULL OR p_attempt < 1 OR octet_length(p_source) NOT BETWEEN 1 AND 256 OR p_source IN ('login', '__proto__')
    OR p_source ~ '[\\u0001-\\u001f\\u007f-\\u009f]' OR p_action !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' THEN
    RAISE EXCEPTION 'recant: an attempt is a source of 1 to 256 bytes, an action (UUIDv7, lower case) and a number from 1' USING ERRCODE = '22023';
  END IF;
  SELECT a.source_prefix INTO prefix FROM recant.agent a WHERE a.login = session_user;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'recant: login % is not registered as an agent', session_user USING ERRCODE = '42501';
  END IF;
  IF NOT starts_with(p_source, prefix) THEN
    RAISE EXCEPTION 'recant: login % may only name sources that start with %', session_user, prefix USING ERRCODE = '42501';
  END IF;
  SELECT s.login INTO owner FROM recant.source s WHERE s.source = p_source LIMIT 1;
  IF NOT FOUND THEN
    INSERT INTO recant.source VALUES (p_source, session_user) RETURNING login INTO owner;
  END IF;
  IF owner IS DISTINCT FROM session_user THEN
    RAISE EXCEPTION 'recant: this source belongs to another login' USING ERRCODE = '42501';
  END IF;
  INSERT INTO recant.attempt (source, action, attempt, login) VALUES (p_source, p_action, p_attempt, session_user) ON CONFLICT DO NOTHING RETURNING id INTO v_id;
  RETURN v_id;
END $$;
CREATE OR REPLACE FUNCTION recant.open_attempt(p_source text, p_action text, p_attempt int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE settled timestamptz;
BEGIN
  PERFORM recant.add_attempt(p_source, p_action, p_attempt);
  SELECT a.settled_at INTO settled FROM recant.attempt a WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt);
  IF settled IS NOT NULL THEN
    RAISE EXCEPTION 'recant: this attempt is settled; start another one' USING ERRCODE = '55000';
  END IF;
  RETURN (SELECT y.name FROM recant.system y);
END $$;
-- KEY SHARE on the attempt until this transaction ends: settling waits for it, and it waits for settling. The transaction's number is what
-- binds the name: no setting that a session's SQL could change.
CREATE OR REPLACE FUNCTION recant.name_attempt(p_source text, p_action text, p_attempt int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_id bigint; v_settled timestamptz; v_named bigint;
BEGIN
  -- A new attempt is opened in the transaction that it names, and not looked up before: under SERIALIZABLE that would conflict with every other opening.
  v_id := recant.add_attempt(p_source, p_action, p_attempt);
  IF v_id IS NULL THEN
    SELECT a.id, a.settled_at INTO v_id, v_settled FROM recant.attempt a
    WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt) AND a.login = session_user FOR KEY SHARE;
    IF v_id IS NULL THEN
      RAISE EXCEPTION 'recant: login % has no such open attempt', session_user USING ERRCODE = '42501';
    END IF;
    IF v_settled IS NOT NULL THEN
      RAISE EXCEPTION 'recant: this attempt is settled; start another one' USING ERRCODE = '55000';
    END IF;
  END IF;
  INSERT INTO recant.transaction AS t VALUES (pg_current_xact_id(), v_id) ON CONFLICT (xid) DO UPDATE SET attempt = t.attempt RETURNING t.attempt INTO v_named;
  IF v_named <> v_id THEN
    RAISE EXCEPTION 'recant: this transaction already belongs to another attempt' USING ERRCODE = '55000';
  END IF;
END $$;
CREATE OR REPLACE FUNCTION recant.settle_attempt(p_source text, p_action text, p_attempt int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE found_id bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM recant.attempt a WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt)) THEN
    -- It named no transaction, and must name none from here on. Waits for a transaction that is just opening it.
    PERFORM recant.open_attempt(p_source, p_action, p_attempt);
  END IF;
  SELECT a.id INTO found_id FROM recant.attempt a
  WHERE (a.source, a.action, a.attempt) = (p_source, p_action, p_attempt) AND a.login = session_user FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'recant: login % has no such attempt', session_user USING ERRCODE = '42501';
  END IF;
  UPDATE recant.attempt a SET settled_at = clock_timestamp() WHERE a.id = found_id AND a.settled_at IS NULL;
END $$;`;

export const AGENT_FUNCTIONS_SQL = VERSIONS_SQL + AGENT_SQL;

/** Functions with their argument types, as GRANT wants them. */
export const AGENT_FUNCTIONS = [
  'recant.open_attempt(text, text, int)',
  'recant.name_attempt(text, text, int)',
  'recant.settle_attempt(text, text, int)',
] as const;
