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
-- The same for several steps of a run, in the order of the result. The transaction's changes are captured as the first one's until \`give_changes\`.
CREATE OR REPLACE FUNCTION recant.name_inverses(p_sources text[], p_actions text[], p_attempts int[], p_run text, p_steps int[]) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_ids bigint[];
BEGIN
  WITH named AS (
    INSERT INTO recant.attempt AS a (source, action, attempt, login, run, step, settled_at)
    SELECT u.source, u.action, u.attempt, session_user, p_run, u.step, clock_timestamp() FROM unnest(p_sources, p_actions, p_attempts, p_steps) u(source, action, attempt, step)
    ON CONFLICT (source, action, attempt) DO UPDATE SET settled_at = a.settled_at WHERE a.run = excluded.run AND a.step = excluded.step
    RETURNING a.id, a.source, a.action, a.attempt)
  SELECT array_agg(d.id ORDER BY u.n) INTO v_ids FROM unnest(p_sources, p_actions, p_attempts) WITH ORDINALITY u(source, action, attempt, n)
    LEFT JOIN named d ON (d.source, d.action, d.attempt) = (u.source, u.action, u.attempt);
  IF v_ids[1] IS NULL THEN RETURN v_ids; END IF;
  INSERT INTO recant.transaction (xid, attempt) VALUES (pg_current_xact_id(), v_ids[1]) ON CONFLICT (xid) DO UPDATE SET attempt = excluded.attempt;
  PERFORM set_config('recant.inverse', pg_current_xact_id()::text, true);
  RETURN v_ids;
END $$;
-- Changes of this transaction that were captured as one inverse's become those of the inverses of the same run that made them. Returns how many nobody was named for.
CREATE OR REPLACE FUNCTION recant.give_changes(p_from bigint, p_ordinals bigint[], p_attempts bigint[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH given AS (
    UPDATE recant.change c SET attempt = a.id FROM unnest(p_ordinals, p_attempts) u(ordinal, attempt)
      JOIN recant.attempt a ON a.id = u.attempt AND a.login = session_user AND a.run = (SELECT f.run FROM recant.attempt f WHERE f.id = p_from AND f.login = session_user)
    WHERE c.ordinal = u.ordinal AND c.attempt = p_from AND c.xid = pg_current_xact_id() RETURNING 1)
  SELECT (SELECT count(*) FROM recant.change c WHERE c.attempt = p_from AND c.xid = pg_current_xact_id()) - (SELECT count(*) FROM given)
$$;
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
CREATE OR REPLACE FUNCTION recant.mark_all_applied(p_run text, p_token numeric, p_steps int[], p_attempts bigint[], p_undoes bigint[], p_results text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO recant.applied (run, step, token, attempt, undoes, result)
  SELECT p_run, u.step, p_token, u.attempt, u.undoes, u.result::jsonb FROM unnest(p_steps, p_attempts, p_undoes, p_results) u(step, attempt, undoes, result)
  ON CONFLICT (run, step) DO UPDATE SET token = excluded.token, result = excluded.result WHERE recant.applied.attempt IS NULL
$$;
-- Versions of the values of rows, one row's after the other, for logins that do not read the key. 0.1 ms a call beside the versions themselves.
CREATE OR REPLACE FUNCTION recant.versions_of(p_types text[], p_values text[]) RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(recant.version(y.inner_key, y.outer_key, p_types[1 + (v.n - 1) % cardinality(p_types)], v.value) ORDER BY v.n) FROM recant.system y, unnest(p_values) WITH ORDINALITY v(value, n)
$$;`;

/** Functions with their argument types, as GRANT wants them. */
export const UNDO_FUNCTIONS = [
  'recant.pass_fence(text, numeric)',
  'recant.name_inverse(text, text, int, text, int)',
  'recant.name_inverses(text[], text[], int[], text, int[])',
  'recant.give_changes(bigint, bigint[], bigint[])',
  'recant.mark_applied(text, int, numeric, bigint, bigint, jsonb)',
  'recant.mark_all_applied(text, numeric, int[], bigint[], bigint[], text[])',
  'recant.confirm_parts(bigint, jsonb)',
  'recant.accept_holes(bigint[], text, text)',
] as const;
