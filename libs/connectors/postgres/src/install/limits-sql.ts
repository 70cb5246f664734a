import { ConnectorError } from '@recant/connector';

/**
 * The queue's limits. Beyond the first one, writes of agents' logins are refused; beyond the second one, everybody else's succeed and are not captured,
 * and the hole is recorded. Nothing here waits for a lock or reads what transactions of an application write.
 */

/** Bytes of `recant.capture`. */
export interface QueueLimits {
  /** From here on agents' writes are refused. */
  readonly agentsBytes: number;
  /** From here on everybody else's are not captured. */
  readonly everyoneBytes: number;
}
export const QUEUE_AGENTS_BYTES_MAX = 4 * 1_024 ** 3;
export const QUEUE_BYTES_MAX = 8 * 1_024 ** 3;

/** @throws ConnectorError `options_invalid` */
export function checkLimits({ agentsBytes, everyoneBytes }: QueueLimits): void {
  if (Number.isSafeInteger(agentsBytes) && Number.isSafeInteger(everyoneBytes) && agentsBytes > 0 && agentsBytes <= everyoneBytes) return;
  throw new ConnectorError(
    'options_invalid',
    `Invalid limits of the queue: expected 0 < agents <= everybody, got ${agentsBytes} and ${everyoneBytes} bytes.`,
  );
}
/** Bytes that a captured row takes at least. */
const ROW_BYTES_MIN = 128;
/** Bytes of `recant.lost` from which lost transactions are not listed one by one. */
const LOST_BYTES_MAX = 16 * 1_024 ** 2;
/** Logins listed for a hole. */
const LOGINS_MAX = 5;

/** Rows between two measurements (a power of two), and characters of a row that is always measured. */
export const MEASURED_EVERY = 256;
const MEASURED_ROW = 262_144;
export const IS_MEASURED = `v_ordinal % ${MEASURED_EVERY * 2} = 1 OR length(v_old) > ${MEASURED_ROW} OR length(v_new) > ${MEASURED_ROW}`;

/**
 * Bytes used: growth of the files since they were last known to contain nothing of use, or, where rows go into free space, at least the rows since
 * then. The level only rises here.
 */
const MEASURE_SQL = `
CREATE OR REPLACE FUNCTION recant.queue_used() RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(pg_table_size('recant.capture') - coalesce(pg_sequence_last_value('recant.queue_base'), 0),
    (coalesce(pg_sequence_last_value('recant.ordinal'), 0) - coalesce(pg_sequence_last_value('recant.queue_from'), 0)) / 2 * ${ROW_BYTES_MIN}, 0)
$$;
CREATE OR REPLACE FUNCTION recant.queue_level_now() RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN u.used >= y.queue_max THEN 3 WHEN u.used >= y.queue_agents_max THEN 2 ELSE 1 END FROM recant.queue_used() u(used), recant.system y
$$;
CREATE OR REPLACE FUNCTION recant.measure_queue() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_level bigint := recant.queue_level_now();
BEGIN
  IF v_level > coalesce(pg_sequence_last_value('recant.queue_level'), 1) THEN PERFORM setval('recant.queue_level', v_level); END IF;
END $$;`;

/**
 * Above a limit, before a change is captured. An inverse is always captured. The setting remembers for the transaction that its hole is recorded; only
 * logins that are no agents come to it.
 */
const LOSE_SQL = `
CREATE OR REPLACE FUNCTION recant.is_lost(p_relid oid) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_level bigint := pg_sequence_last_value('recant.queue_level'); v_xid text; v_setting text := 'recant.lost_' || p_relid;
BEGIN
  IF EXISTS (SELECT FROM recant.agent a WHERE a.login = session_user) THEN
    RAISE EXCEPTION 'recant: the queue of captured changes is full, so that writes of agents'' logins (%) are refused until the rollback service has recorded it', session_user
      USING ERRCODE = '53400', HINT = 'Start the rollback service, or look at /v1/health why it does not drain this system.';
  END IF;
  v_xid := pg_current_xact_id()::text;
  IF v_level < 3 OR current_setting('recant.inverse', true) = v_xid AND EXISTS (SELECT FROM recant.transaction t JOIN recant.attempt a ON a.id = t.attempt
    WHERE t.xid = pg_current_xact_id() AND a.run IS NOT NULL) THEN RETURN false; END IF;
  IF v_level = 3 AND current_setting(v_setting, true) IS DISTINCT FROM v_xid THEN
    INSERT INTO recant.lost (relid) VALUES (p_relid);
    PERFORM set_config(v_setting, v_xid, true);
    IF pg_relation_size('recant.lost') > ${LOST_BYTES_MAX} THEN PERFORM setval('recant.queue_level', 4); END IF;
  END IF;
  RETURN true;
END $$;`;

/** After `recant.absorb` took rows of so many bytes. Where nobody else's transaction has rows in the queue, all of it is free. */
const RELIEVE_SQL = `
CREATE OR REPLACE FUNCTION recant.relieve_queue(p_bytes bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_size bigint := pg_table_size('recant.capture'); v_base bigint := coalesce(pg_sequence_last_value('recant.queue_base'), 0) + p_bytes;
  v_from bigint := pg_sequence_last_value('recant.ordinal'); v_former bigint := coalesce(pg_sequence_last_value('recant.queue_level'), 1); v_level bigint;
BEGIN
  IF v_size > v_base AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = 'recant.capture'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted
    AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) THEN v_base := v_size; END IF;
  PERFORM setval('recant.queue_base', greatest(1, least(v_size, v_base))), setval('recant.queue_from', coalesce(v_from, 1));
  v_level := recant.queue_level_now();
  IF v_level < v_former THEN
    PERFORM setval('recant.queue_level', v_level);
    IF v_former = 4 THEN PERFORM recant.record_unlisted(); END IF;
  END IF;
END $$;
-- Which tables lost changes is no longer known: all may have.
CREATE OR REPLACE FUNCTION recant.record_unlisted() RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO recant.hole (relation, epoch, logins, first_ordinal, last_ordinal, from_at, to_at)
  SELECT r.id, y.epoch, '{}', w.ordinal, nextval('recant.ordinal'), w.at, clock_timestamp() FROM recant.relation r CROSS JOIN recant.system y
  CROSS JOIN (SELECT coalesce(max(h.last_ordinal), 0) AS ordinal, coalesce(max(h.to_at), '-infinity') AS at FROM recant.hole h) w WHERE r.captured
$$;
CREATE OR REPLACE FUNCTION recant.record_holes(p_snapshot pg_snapshot, p_epoch int) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH ended AS (DELETE FROM recant.lost l WHERE pg_visible_in_snapshot(l.xid, p_snapshot) RETURNING l.*)
  INSERT INTO recant.hole (relation, epoch, first_xid, last_xid, transactions, logins, first_ordinal, last_ordinal, from_at, to_at)
  SELECT r.id, p_epoch, min(e.xid::text::numeric)::text::xid8, max(e.xid::text::numeric)::text::xid8, count(DISTINCT e.xid),
    (array_agg(DISTINCT e.login::text))[1:${LOGINS_MAX}], min(e.ordinal), nextval('recant.ordinal'), min(e.recorded_at), clock_timestamp()
  FROM ended e JOIN recant.relation r ON r.relid = recant.root_of(e.relid) GROUP BY r.id
$$;`;

/** For the undo login: a person accepts what is not known. No table: all of them. */
const ACCEPT_SQL = `
CREATE OR REPLACE FUNCTION recant.accept_holes(p_ids bigint[], p_by text, p_reason text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE recant.hole h SET accepted_at = clock_timestamp(), accepted_by = p_by, reason = p_reason WHERE h.id = ANY (p_ids) AND h.accepted_at IS NULL
$$;`;

export const LIMIT_FUNCTIONS_SQL = MEASURE_SQL + LOSE_SQL + RELIEVE_SQL + ACCEPT_SQL;
