/** Functions of the drain, of expiry and of erasure: all for the login that prepared the target. */

/** Bytes that one changed part takes in an event at most: name, two versions. */
const PART_BYTES = 160;
/** Bytes of an effect without names, key and parts. */
const EFFECT_BYTES = 340;
/** Bytes of the effects of one event: leaves room for the envelope under EVENT_BYTES_MAX. */
const CHUNK_BYTES_MAX = 56_000;

/** Bytes of an effect at most; NULL: a change without an effect. */
const WEIGHT = `CASE WHEN e.key IS NOT NULL AND s.id IS NOT NULL THEN ${EFFECT_BYTES} + 3 * (octet_length(r.schema_name) + octet_length(r.table_name) + octet_length(array_to_string(e.key, ',')))
      + ${PART_BYTES} * (CASE WHEN r.history THEN 0 WHEN cardinality(e.written) > 0 THEN cardinality(e.written) ELSE cardinality(s.columns) + 1 END) END`;
const OF_TRANSACTION = `e.attempt = u.attempt AND e.ordinal BETWEEN u.first_ordinal AND u.last_ordinal AND e.xid = u.xid AND e.login = u.login`;

/** Divides the effects of attempts' transactions into chunks, in the order of their ordinals. Depends on nothing that erasure changes. */
const CUT_SQL = `
CREATE OR REPLACE FUNCTION recant.cut(u recant.undrained, OUT cuts bigint[], OUT weights int[]) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record; v_sum int;
BEGIN
  cuts := '{}';
  weights := '{}';
  FOR c IN
    SELECT w.* FROM (SELECT e.ordinal, ${WEIGHT} AS weight
      FROM recant.change e JOIN recant.relation r ON r.id = e.relation JOIN recant.shape s ON s.id = e.shape WHERE ${OF_TRANSACTION}) w
    WHERE w.weight IS NOT NULL ORDER BY w.ordinal
  LOOP
    IF v_sum IS NULL OR v_sum + c.weight > ${CHUNK_BYTES_MAX} THEN
      IF v_sum IS NOT NULL THEN weights := weights || v_sum; END IF;
      cuts := cuts || c.ordinal;
      v_sum := 0;
    END IF;
    v_sum := v_sum + c.weight;
  END LOOP;
  IF v_sum IS NOT NULL THEN weights := weights || v_sum; END IF;
END $$;
-- Changes of an attempt without an effect: of tables without a key, and rows that cannot be read.
CREATE OR REPLACE FUNCTION recant.counted(u recant.undrained) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('schema', t.schema_name, 'table', t.table_name, 'changes', t.changes, 'unknown', true) ORDER BY t.schema_name, t.table_name), '[]')
  FROM (SELECT r.schema_name, r.table_name, count(*) AS changes FROM recant.change e JOIN recant.relation r ON r.id = e.relation
    WHERE ${OF_TRANSACTION} AND e.key IS NULL GROUP BY r.schema_name, r.table_name) t
$$;
-- Of the first transactions of the queue, with so many changes, once each. Most have one chunk, and no change without an effect.
CREATE OR REPLACE FUNCTION recant.cut_transactions(p_transactions int, p_changes bigint) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH first AS (SELECT f.*, sum(f.changes) OVER (ORDER BY f.n) - f.changes AS before FROM (SELECT * FROM recant.undrained ORDER BY n LIMIT p_transactions) f),
  weighed AS MATERIALIZED (
    SELECT u.xid, u.login, min(e.ordinal) FILTER (WHERE e.key IS NOT NULL) AS first, sum(${WEIGHT}) AS weight, bool_or(e.key IS NULL) AS counts
    FROM first u LEFT JOIN recant.change e ON ${OF_TRANSACTION} LEFT JOIN recant.relation r ON r.id = e.relation LEFT JOIN recant.shape s ON s.id = e.shape
    WHERE u.cuts IS NULL AND u.before < p_changes GROUP BY u.xid, u.login)
  UPDATE recant.undrained u SET
    cuts = CASE WHEN w.weight > ${CHUNK_BYTES_MAX} THEN (recant.cut(u)).cuts WHEN w.weight IS NULL THEN '{}' ELSE ARRAY[w.first] END,
    weights = CASE WHEN w.weight > ${CHUNK_BYTES_MAX} THEN (recant.cut(u)).weights WHEN w.weight IS NULL THEN '{}' ELSE ARRAY[w.weight]::int[] END,
    counted = CASE WHEN w.counts THEN recant.counted(u) ELSE '[]' END
  FROM weighed w WHERE u.xid = w.xid AND u.login = w.login
$$;`;

/** More changes than a lost tail can have. Even: ordinals come in pairs. */
const ORDINALS_LOST_MAX = 1_000_000_000_000;

/** The timeline is part of the name of every segment of the write-ahead log; a promotion or a restore to a point in time starts a new one. */
const EPOCH_SQL = `
CREATE OR REPLACE FUNCTION recant.current_timeline() RETURNS text LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
$$;
-- By hand, after a restore: from here on the target's state is accepted as it is, under a new capture epoch.
CREATE OR REPLACE FUNCTION recant.adopt_restored() RETURNS int LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM recant.batch WHERE confirmed_at IS NULL;
  -- Numbers of lost changes are in the ledger: those of new changes have to be later.
  SELECT setval('recant.ordinal', nextval('recant.ordinal') + ${ORDINALS_LOST_MAX});
  UPDATE recant.system SET epoch = epoch + 1, timeline = recant.current_timeline() RETURNING epoch
$$;`;

/** Changes deleted by one turn of the drain. */
export const EXPIRED_ROWS_MAX = 5_000;
/** First change beyond the horizon. */
export const IS_DUE_SQL = `EXISTS (SELECT FROM (SELECT c.recorded_at FROM recant.change c ORDER BY c.ordinal LIMIT 1) f, recant.system y
  WHERE f.recorded_at < clock_timestamp() - make_interval(days => y.images_days))`;

/**
 * One horizon for all writers: an attempt that began before it is expired as a whole, so that no guard asks for a change before it. What is not in the
 * ledger yet stays. Waits 50 ms for a lock at most.
 */
const EXPIRE_SQL = `
CREATE OR REPLACE FUNCTION recant.expire() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE v_before timestamptz := (SELECT clock_timestamp() - make_interval(days => y.images_days) FROM recant.system y);
BEGIN
  IF v_before IS NULL THEN RETURN; END IF;
  WITH gone AS (
    DELETE FROM recant.change c USING (SELECT f.ordinal, f.xid, f.login, f.recorded_at FROM recant.change f ORDER BY f.ordinal LIMIT ${EXPIRED_ROWS_MAX}) o
    WHERE c.ordinal = o.ordinal AND o.recorded_at < v_before AND NOT EXISTS (SELECT FROM recant.undrained u WHERE u.xid = o.xid AND u.login = o.login) RETURNING c.attempt)
  UPDATE recant.attempt a SET expired_at = clock_timestamp() FROM (SELECT DISTINCT g.attempt FROM gone g) g WHERE a.id = g.attempt AND a.expired_at IS NULL;
  DELETE FROM recant.hole h WHERE h.to_at < v_before;
END $$;`;

export const DRAIN_FUNCTIONS_SQL = CUT_SQL + EPOCH_SQL + EXPIRE_SQL;
