/**
 * What an inverse writes into the capture, with the owner's rights: the undo login owns nothing. Each function records under `session_user`.
 */
export const UNDO_FUNCTIONS_SQL = `
-- Row lock on the run until the transaction ends. False: a newer claim has started.
CREATE OR REPLACE FUNCTION recant.pass_fence(p_run text, p_token numeric) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO recant.fence AS f (run, token) VALUES (p_run, p_token)
  ON CONFLICT (run) DO UPDATE SET token = excluded.token WHERE f.token <= excluded.token;
  RETURN FOUND;
END $$;
-- Names this transaction after an inverse's own attempt. NULL: the attempt belongs to another login or step.
CREATE OR REPLACE FUNCTION recant.name_inverse(p_source text, p_action text, p_attempt int, p_run text, p_step int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  INSERT INTO recant.attempt AS a (source, action, attempt, login, run, step, settled_at)
  VALUES (p_source, p_action, p_attempt, session_user, p_run, p_step, clock_timestamp())
  ON CONFLICT (source, action, attempt) DO UPDATE SET settled_at = a.settled_at WHERE a.run = excluded.run AND a.step = excluded.step RETURNING a.id INTO v_id;
  IF v_id IS NULL THEN RETURN NULL; END IF;
  INSERT INTO recant.transaction (xid, attempt) VALUES (pg_current_xact_id(), v_id) ON CONFLICT (xid) DO UPDATE SET attempt = excluded.attempt;
  PERFORM set_config('recant.inverse', pg_current_xact_id()::text, true);
  RETURN v_id;
END $$;
-- Parts that an inverse found as they go back to: recorded as updates that changed nothing, with the values of the undone attempt's last change of them.
CREATE OR REPLACE FUNCTION recant.confirm_parts(p_attempt bigint, p_parts jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO recant.change (ordinal, attempt, xid, login, relation, shape, key, key_hash, operation, old, written, recorded_at)
  SELECT nextval('recant.ordinal'), a.id, pg_current_xact_id(), a.login, c.relation, c.shape, c.key, c.key_hash, 'u',
    (SELECT array_agg(CASE WHEN v.n = ANY (p.written || s.key_positions) THEN v.value END ORDER BY v.n) FROM unnest(i.image) WITH ORDINALITY v(value, n)),
    p.written, clock_timestamp()
  FROM jsonb_to_recordset(p_parts) AS p(change bigint, written int[])
  JOIN recant.change c ON c.ordinal = p.change JOIN recant.shape s ON s.id = c.shape
  JOIN recant.attempt a ON a.id = p_attempt AND a.run IS NOT NULL AND a.login = session_user
  CROSS JOIN LATERAL (SELECT CASE WHEN c.operation = 'u' AND c.new IS NULL THEN c.old ELSE c.new END AS image) i
  WHERE c.attempt IS NOT NULL AND c.key IS NOT NULL AND i.image IS NOT NULL
$$;
-- From the commit on, the attempt counts as undone in the target.
CREATE OR REPLACE FUNCTION recant.mark_applied(p_run text, p_step int, p_token numeric, p_attempt bigint, p_undoes bigint, p_result jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO recant.applied (run, step, token, attempt, undoes, result) VALUES (p_run, p_step, p_token, p_attempt, p_undoes, p_result)
  ON CONFLICT (run, step) DO UPDATE SET token = excluded.token, result = excluded.result WHERE recant.applied.attempt IS NULL
$$;
-- Versions of the values of a row, for logins that do not read the key.
CREATE OR REPLACE FUNCTION recant.versions_of(p_types text[], p_values text[]) RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(recant.version(y.inner_key, y.outer_key, v.type, v.value) ORDER BY v.n) FROM recant.system y, unnest(p_types, p_values) WITH ORDINALITY v(type, value, n)
$$;`;

/** Functions with their argument types, as GRANT wants them. */
export const UNDO_FUNCTIONS = [
  'recant.pass_fence(text, numeric)',
  'recant.name_inverse(text, text, int, text, int)',
  'recant.mark_applied(text, int, numeric, bigint, bigint, jsonb)',
  'recant.confirm_parts(bigint, jsonb)',
  'recant.accept_holes(bigint[], text, text)',
] as const;
