import { belongsTo } from './logins-of.ts';

/**
 * Freezes of agents' logins. `recant.capture_row` looks at the register `freeze_level`, outside transactions and without a lock; only above 1 does it
 * look up its login. A statement that changes no captured row has nothing to refuse.
 */
export const FREEZE_TABLES_SQL = `
-- Freezes in force here: one row a login. Written by recant.set_freezes only.
CREATE TABLE IF NOT EXISTS recant.frozen (
  login name NOT NULL,
  freeze_id uuid NOT NULL,
  reason text NOT NULL,
  -- Ends by itself then.
  expires_at timestamptz,
  PRIMARY KEY (login, freeze_id)
);
-- 1 (or unset): no login is frozen, 2: some may be.
CREATE SEQUENCE IF NOT EXISTS recant.freeze_level AS bigint MAXVALUE 2;`;

/** SQLSTATE 42501. An expired freeze refuses nothing, also if nobody removes it. */
const REFUSE_SQL = `
CREATE OR REPLACE FUNCTION recant.refuse_frozen() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE f recant.frozen;
BEGIN
  SELECT * INTO f FROM recant.frozen z WHERE z.login = session_user AND (z.expires_at IS NULL OR z.expires_at > clock_timestamp()) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'recant: writes of login % are frozen (freeze %): %', session_user, f.freeze_id, f.reason
      USING ERRCODE = '42501', HINT = 'A person ends the freeze: recant thaw ' || f.freeze_id;
  END IF;
END $$;`;

/**
 * Makes exactly these freezes hold. `p_freezes`: [{freeze_id, agent (null: every agent), sources, reason, expires_at}]. The level rises before the rows are
 * visible, and falls only in a later call, once no row is left: an aborted transaction never lifts a freeze.
 */
const SET_SQL = `
CREATE OR REPLACE FUNCTION recant.frozen_by(p_freezes jsonb) RETURNS SETOF recant.frozen LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.login, w.freeze_id, w.reason, w.expires_at
  FROM jsonb_to_recordset(p_freezes) w(freeze_id uuid, agent text, sources text[], reason text, expires_at timestamptz)
  JOIN recant.agent a ON w.agent IS NULL OR a.agent = w.agent OR ${belongsTo('a.login', 'a.source_prefix', 'w.sources')}
$$;
CREATE OR REPLACE FUNCTION recant.set_freezes(p_freezes jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE recant.frozen IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM recant.frozen_by(p_freezes)) THEN
    PERFORM setval('recant.freeze_level', 2);
  ELSIF NOT EXISTS (SELECT FROM recant.frozen) THEN
    PERFORM setval('recant.freeze_level', 1);
  END IF;
  DELETE FROM recant.frozen f WHERE NOT EXISTS (SELECT FROM recant.frozen_by(p_freezes) w WHERE w IS NOT DISTINCT FROM f);
  INSERT INTO recant.frozen SELECT w.* FROM recant.frozen_by(p_freezes) w ON CONFLICT DO NOTHING;
END $$;`;

export const FREEZE_FUNCTIONS_SQL = REFUSE_SQL + SET_SQL;
