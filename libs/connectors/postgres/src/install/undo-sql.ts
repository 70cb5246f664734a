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
  'recant.accept_holes(bigint[], text, text)',
] as const;
