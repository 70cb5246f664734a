import { KEY_BYTES_MAX } from './tables-sql.ts';
import { settingsClause } from './trigger-sql.ts';

/**
 * `recant.absorb` moves committed (and its own transaction's) rows of `recant.capture` to `recant.change`: it parses rows, gives each change
 * its key and written columns, orders the changes of one row within a transaction, and decides to which attempt a change belongs. It runs
 * under the lock of the one row of `recant.system`: one absorber at a time, until its transaction ends.
 *
 * A crash before the commit leaves the queue as it was.
 */

/** Rows of transactions that a snapshot shows as ended (their rows are there, so they committed), or of the transaction that absorbs. */
const TAKEN = (snapshot: string): string => `(pg_visible_in_snapshot(c.xid, ${snapshot}) OR c.xid = pg_current_xact_id_if_assigned())`;

/**
 * Binds transactions to attempts, and queues them for the drain. The attempt is the one that the transaction named, if its login opened that
 * attempt; else, for an agent's login, the transaction is an attempt of its own; else nobody's: such a transaction is described by counts alone.
 */
const BIND_SQL = `
CREATE OR REPLACE FUNCTION recant.bind_transactions(p_snapshot pg_snapshot, p_epoch int) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH member AS MATERIALIZED (
    SELECT c.xid, c.login, c.relid, min(c.ordinal) AS first_ordinal, max(c.ordinal) + 1 AS last_ordinal, count(*) AS changes, min(c.recorded_at) AS from_at, max(c.recorded_at) AS to_at
    FROM recant.capture c WHERE ${TAKEN('p_snapshot')} GROUP BY c.xid, c.login, c.relid),
  ended AS MATERIALIZED (
    SELECT d.*, p_epoch || '/' || d.xid || '/' || d.login AS action, named.id AS named, g.login IS NOT NULL AS is_agents
    FROM (SELECT m.xid, m.login, min(m.first_ordinal) AS first_ordinal, max(m.last_ordinal) AS last_ordinal, sum(m.changes) AS changes, min(m.from_at) AS from_at, max(m.to_at) AS to_at
      FROM member m GROUP BY m.xid, m.login) d
    LEFT JOIN recant.transaction t ON t.xid = d.xid LEFT JOIN recant.attempt named ON named.id = t.attempt AND named.login = d.login
    LEFT JOIN recant.agent g ON g.login = d.login),
  own AS (
    INSERT INTO recant.attempt (source, action, attempt, login, settled_at)
    SELECT 'login', e.action, 1, e.login, clock_timestamp() FROM ended e WHERE e.named IS NULL AND e.is_agents
    ON CONFLICT DO NOTHING RETURNING id, action),
  bound AS MATERIALIZED (
    SELECT e.*, coalesce(e.named, own.id, former.id) AS attempt FROM ended e LEFT JOIN own ON own.action = e.action
    LEFT JOIN recant.attempt former ON e.named IS NULL AND former.source = 'login' AND former.action = e.action),
  counted AS (
    SELECT t.xid, t.login, jsonb_agg(jsonb_build_object('schema', t.schema_name, 'table', t.table_name, 'changes', t.changes, 'unknown', false) ORDER BY t.schema_name, t.table_name) AS counted
    FROM (SELECT m.xid, m.login, r.schema_name, r.table_name, sum(m.changes) AS changes
      FROM member m JOIN bound b ON b.xid = m.xid AND b.login = m.login AND b.attempt IS NULL
      JOIN (SELECT k.relid, recant.root_of(k.relid) AS root FROM (SELECT DISTINCT m.relid FROM member m) k) w ON w.relid = m.relid JOIN recant.relation r ON r.relid = w.root
      GROUP BY m.xid, m.login, r.schema_name, r.table_name) t
    GROUP BY t.xid, t.login)
  INSERT INTO recant.undrained AS u (xid, login, epoch, attempt, first_ordinal, last_ordinal, changes, from_at, to_at, cuts, weights, counted)
  SELECT b.xid, b.login, p_epoch, b.attempt, b.first_ordinal, b.last_ordinal, b.changes, b.from_at, b.to_at,
    CASE WHEN b.attempt IS NULL THEN '{}'::bigint[] END, CASE WHEN b.attempt IS NULL THEN '{}'::int[] END, CASE WHEN b.attempt IS NULL THEN coalesce(k.counted, '[]') END
  FROM bound b LEFT JOIN counted k ON k.xid = b.xid AND k.login = b.login ORDER BY b.first_ordinal
  ON CONFLICT (xid, login) DO UPDATE SET attempt = excluded.attempt, first_ordinal = least(u.first_ordinal, excluded.first_ordinal), last_ordinal = greatest(u.last_ordinal, excluded.last_ordinal),
    changes = u.changes + excluded.changes, from_at = least(u.from_at, excluded.from_at), to_at = greatest(u.to_at, excluded.to_at)
$$;
-- Tables that were attached to a captured one since: their own trigger and the one cloned from the root have recorded each change.
CREATE OR REPLACE FUNCTION recant.drop_doubles() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_relid oid;
BEGIN
  FOR v_relid IN SELECT r.relid FROM recant.relation r JOIN pg_class c ON c.oid = r.relid WHERE r.captured AND c.relispartition LOOP
    DELETE FROM recant.capture c USING (SELECT d.ctid, row_number() OVER (PARTITION BY d.xid, d.operation, d.old_tid, d.new_tid ORDER BY d.ordinal) AS n
      FROM recant.capture d WHERE d.relid = v_relid AND d.operation NOT IN ('x', 'm')) e WHERE c.ctid = e.ctid AND e.n > 1;
  END LOOP;
END $$;`;

/** The captured table that a relation belongs to: itself, or the root of its partition tree. */
const ROOT_SQL = `
CREATE OR REPLACE FUNCTION recant.root_of(p_relid oid) RETURNS oid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT r.relid FROM recant.relation r WHERE r.relid = p_relid), (SELECT r.relid FROM pg_partition_ancestors(p_relid) p JOIN recant.relation r ON r.relid = p.relid LIMIT 1))
$$;`;

/**
 * Keys are compared by their index's own equality, so that equal keys have one text: 2.0 and 2.00, citext in any case, blank-padded characters.
 */
const KEY_SQL = `
CREATE OR REPLACE FUNCTION recant.key_text(p_type text, p_value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_type = 'numeric' THEN trim_scale(p_value::numeric)::text
    WHEN p_type IN ('real', 'double precision') THEN (CASE WHEN p_value = '-0' THEN '0' ELSE p_value END)
    WHEN p_type = 'character' THEN rtrim(p_value, ' ')
    WHEN p_type ~ '(^|\\.)citext$' THEN lower(p_value)
    ELSE p_value END
$$;
-- A key joined by commas.
CREATE OR REPLACE FUNCTION recant.is_recordable_key(p_key text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT octet_length(p_key) * 3 <= ${KEY_BYTES_MAX} OR octet_length(p_key) + 2 * octet_length(regexp_replace(p_key, '[A-Za-z0-9_.!~''()-]', '', 'g')) <= ${KEY_BYTES_MAX}
$$;
-- Of a key joined by commas. A whole number without leading zeros is its own hash, so that rows that are written together stand together in the index. Different
-- numbers have different hashes: erasure tells rows apart by them. 0 and 1 are taken.
CREATE OR REPLACE FUNCTION recant.joined_hash(p_key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN length(p_key) BETWEEN 1 AND 18 AND ltrim(p_key, '0123456789') = '' AND (left(p_key, 1) <> '0' OR p_key = '0') THEN p_key::bigint + 2 ELSE hashtextextended(p_key, 0) END
$$;
CREATE OR REPLACE FUNCTION recant.key_hash(p_key text[]) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT recant.joined_hash(array_to_string(p_key, ','))
$$;`;

/** The shape behind a hash and its signature, added where it is new. */
const SHAPE_SQL = `
CREATE OR REPLACE FUNCTION recant.shape_id(p_relation int, p_root oid, p_relid oid, p_hash bigint, p_signature text) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_id int;
BEGIN
  SELECT s.id INTO v_id FROM recant.shape s WHERE s.relid = p_relid AND s.hash = p_hash;
  IF FOUND OR p_signature IS NULL THEN RETURN v_id; END IF;
  INSERT INTO recant.shape (relation, relid, hash, signature, attributes, columns, parts, types, key_positions)
  SELECT p_relation, p_relid, p_hash, p_signature, array_agg(d.attribute ORDER BY d.n), array_agg(d.name ORDER BY d.n), array_agg(recant.part_of(d.name) ORDER BY d.n),
    array_agg(format_type(d.type, NULL) ORDER BY d.n),
    coalesce((SELECT array_agg(p.n ORDER BY k.n) FROM unnest((SELECT r.key_columns FROM recant.relation r WHERE r.id = p_relation)) WITH ORDINALITY k(attribute, n)
      JOIN (SELECT l.n::int AS n, recant.root_attribute(p_root, p_relid, split_part(l.line, ' ', 1)::int) AS attribute
        FROM string_to_table(p_signature, E'\\n') WITH ORDINALITY l(line, n)) p ON p.attribute = k.attribute), '{}')
  FROM (SELECT l.n::int AS n, recant.root_attribute(p_root, p_relid, split_part(l.line, ' ', 1)::int) AS attribute, split_part(l.line, ' ', 2)::oid AS type,
      regexp_replace(l.line, '^([^ ]+ ){4}', '')::json #>> '{}' AS name
    FROM string_to_table(p_signature, E'\\n') WITH ORDINALITY l(line, n)) d
  RETURNING id INTO v_id;
  RETURN v_id;
END $$;
CREATE OR REPLACE FUNCTION recant.without_names(p_signature text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT regexp_replace(p_signature, '^(([^ ]+ ){4}).*$', '\\1', 'gn')
$$;
-- A partition may have its columns in another order: they are the root's columns of the same name.
CREATE OR REPLACE FUNCTION recant.root_attribute(p_root oid, p_relid oid, p_attribute int) RETURNS int LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN p_root = p_relid THEN p_attribute ELSE coalesce((SELECT r.attnum FROM pg_attribute l JOIN pg_attribute r ON r.attrelid = p_root AND r.attname = l.attname
    WHERE l.attrelid = p_relid AND l.attnum = p_attribute AND NOT l.attisdropped AND NOT r.attisdropped), 0)::int END
$$;
CREATE OR REPLACE FUNCTION recant.part_of(p_name text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN p_name = 'exists' THEN '%65xists' ELSE (SELECT string_agg(CASE WHEN c ~ '[%[:cntrl:]]' THEN
    (SELECT string_agg('%' || upper(lpad(to_hex(get_byte(convert_to(c, 'UTF8'), b)), 2, '0')), '' ORDER BY b) FROM generate_series(0, octet_length(c) - 1) b) ELSE c END, '' ORDER BY n)
    FROM string_to_table(p_name, NULL) WITH ORDINALITY t(c, n)) END
$$;
-- A composite type of N text columns parses a row's text in C.
CREATE OR REPLACE FUNCTION recant.ensure_row_type(p_columns int) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regtype('recant.row_' || p_columns) IS NULL THEN
    EXECUTE format('CREATE TYPE recant.row_%s AS (%s)', p_columns, (SELECT string_agg('c' || n || ' text', ', ') FROM generate_series(1, p_columns) n));
  END IF;
END $$;`;

/**
 * One group: changes of one relation under one shape. Written columns: those whose value changed; where none changed, the whole row. Images of
 * logins that are no agents are not kept. The statement is made for the shape: each row is parsed once, and what depends on the number of
 * columns is written out, because a subquery, or a function that is not inlined, costs 2 to 20 µs a row each.
 */
const GROUP_SQL = `
CREATE OR REPLACE FUNCTION recant.absorb_group(p_relid oid, p_hash bigint, p_xid xid8, p_relation int, p_shape int, p_columns int, p_keyed boolean, p_snapshot pg_snapshot) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v recant.shape; v_old text; v_new text; v_changed text; v_old_key text; v_new_key text; v_rekeyed text; v_only_old text; v_only_new text;
BEGIN
  PERFORM recant.ensure_row_type(p_columns);
  SELECT s.* INTO v FROM recant.shape s WHERE s.id = p_shape;
  SELECT string_agg(format('(p.o).c%s', n), ', ' ORDER BY n), string_agg(format('(p.n).c%s', n), ', ' ORDER BY n),
    string_agg(format('CASE WHEN (p.o).c%1$s IS DISTINCT FROM (p.n).c%1$s THEN %1$s END', n), ', ' ORDER BY n),
    string_agg(CASE WHEN n = ANY (v.key_positions) THEN format('(p.o).c%s', n) ELSE format('CASE WHEN %1$s = ANY (p.changed) THEN (p.o).c%1$s END', n) END, ', ' ORDER BY n),
    string_agg(CASE WHEN n = ANY (v.key_positions) THEN format('(p.n).c%s', n) ELSE format('CASE WHEN %1$s = ANY (p.changed) THEN (p.n).c%1$s END', n) END, ', ' ORDER BY n)
  INTO v_old, v_new, v_changed, v_only_old, v_only_new FROM generate_series(1, p_columns) n;
  SELECT string_agg(format('recant.key_text(%L, (p.o).c%s)', v.types[k.position], k.position), ', ' ORDER BY k.n), string_agg(format('recant.key_text(%L, (p.n).c%s)', v.types[k.position], k.position), ', ' ORDER BY k.n),
    string_agg(format('(p.o).c%1$s IS DISTINCT FROM (p.n).c%1$s', k.position), ' OR ')
  INTO v_old_key, v_new_key, v_rekeyed FROM unnest(CASE WHEN p_keyed THEN v.key_positions END) WITH ORDINALITY k(position, n);
  -- OFFSET 0: each level is computed once a row. A changed key becomes two changes, its former half first.
  EXECUTE format($sql$
    INSERT INTO recant.change (ordinal, attempt, xid, login, relation, shape, key, key_hash, operation, pair, old, new, written, recorded_at)
    SELECT p.ordinal + p.half, p.attempt, p.xid, p.login, $3, CASE WHEN NOT p.unaddressed THEN $4 END,
      CASE WHEN p.unaddressed THEN NULL WHEN p.rekeyed AND p.half = 0 THEN p.former ELSE p.key END,
      CASE WHEN NOT $5 OR p.unaddressed THEN 1 WHEN p.rekeyed AND p.half = 0 THEN recant.key_hash(p.former) ELSE recant.joined_hash(p.joined) END,
      CASE WHEN p.unaddressed THEN '?' WHEN NOT p.rekeyed THEN p.operation WHEN p.half = 0 THEN 'f' ELSE 't' END, CASE WHEN p.rekeyed THEN p.ordinal + 1 - p.half END,
      CASE WHEN NOT p.images OR p.operation = 'i' OR p.half = 1 THEN NULL WHEN p.partial THEN ARRAY[%8$s]::text[] ELSE ARRAY[%2$s]::text[] END,
      CASE WHEN NOT p.images OR p.operation = 'd' THEN NULL WHEN p.partial THEN ARRAY[%9$s]::text[] WHEN p.operation = 'i' OR p.half = 1 THEN ARRAY[%3$s]::text[] END,
      CASE WHEN NOT p.rekeyed AND NOT p.unaddressed THEN p.changed END, p.recorded_at
    FROM (SELECT p.*, generate_series(0, p.rekeyed::int) AS half
    FROM (SELECT p.*, p.former IS NOT NULL AND NOT p.unaddressed AS rekeyed, $5 AND p.attempt IS NOT NULL AND NOT p.unaddressed AS images,
      p.operation = 'u' AND p.former IS NULL AND p.changed <> '{}' AS partial
    FROM (SELECT p.*, $5 AND NOT (recant.is_recordable_key(p.joined) AND (p.former IS NULL OR recant.is_recordable_key(array_to_string(p.former, ',')))) AS unaddressed
    FROM (SELECT p.*, array_to_string(p.key, ',') AS joined
    FROM (SELECT p.*, CASE WHEN p.operation = 'u' THEN array_remove(ARRAY[%4$s]::int[], NULL) END AS changed,
      CASE WHEN NOT $5 THEN NULL WHEN p.operation = 'd' THEN ARRAY[%5$s]::text[] ELSE ARRAY[%6$s]::text[] END AS key,
      CASE WHEN $5 AND p.operation = 'u' AND (%7$s) THEN nullif(ARRAY[%5$s]::text[], ARRAY[%6$s]::text[]) END AS former
    FROM (SELECT c.ordinal, c.xid, c.login, c.operation, c.recorded_at, u.attempt, c.old::recant.row_%1$s AS o,
      (CASE WHEN c.head IS NULL THEN c.new ELSE left(c.old, c.head) || c.new || right(c.old, c.tail) END)::recant.row_%1$s AS n
    FROM recant.capture c JOIN recant.undrained u ON u.xid = c.xid AND u.login = c.login
    WHERE c.relid = $1 AND c.shape IS NOT DISTINCT FROM $2 AND c.operation NOT IN ('x', 'm') AND ($6 IS NULL OR c.xid = $6) AND ${TAKEN('$7')}
    OFFSET 0) p OFFSET 0) p OFFSET 0) p OFFSET 0) p OFFSET 0) p) p
  $sql$, p_columns, v_old, v_new, v_changed, v_old_key, v_new_key, coalesce(v_rekeyed, 'false'), v_only_old, v_only_new) USING p_relid, p_hash, p_relation, p_shape, p_keyed, p_xid, p_snapshot;
END $$;`;

/** Bytes of a row of the queue without its images. */
const ROW_BYTES = 120;

const ABSORB_SQL = `
CREATE OR REPLACE FUNCTION recant.absorb() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp ${settingsClause} AS $$
DECLARE g record; v_root oid; v_relation recant.relation; v_signature text; v_today text; v_hash bigint; v_shape int; v_columns int; v_cluster bigint; v_epoch int; v_snapshot pg_snapshot; v_bytes bigint := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM recant.capture) AND NOT EXISTS (SELECT FROM recant.lost) AND coalesce(pg_sequence_last_value('recant.queue_level'), 1) = 1 THEN RETURN; END IF;
  SELECT y.cluster, y.epoch INTO v_cluster, v_epoch FROM recant.system y FOR UPDATE;
  IF v_cluster <> (SELECT c.system_identifier FROM pg_control_system() c) THEN
    DELETE FROM recant.transaction;
    UPDATE recant.system SET cluster = (SELECT c.system_identifier FROM pg_control_system() c);
  END IF;
  -- Later statements see more commits than this snapshot: a transaction is absorbed whole or not at all.
  v_snapshot := pg_current_snapshot();
  PERFORM recant.drop_doubles();
  PERFORM recant.bind_transactions(v_snapshot, v_epoch);
  PERFORM recant.order_within_transactions();
  FOR g IN SELECT c.relid, c.shape, max(c.signature) AS signature, bool_or(c.operation = 'x') AS truncated, bool_or(c.operation = 'm') AS marked, bool_or(c.operation NOT IN ('x', 'm')) AS rows,
      sum(${ROW_BYTES} + coalesce(pg_column_size(c.old), 0) + coalesce(pg_column_size(c.new), 0)) AS bytes
    FROM recant.capture c WHERE ${TAKEN('v_snapshot')} GROUP BY c.relid, c.shape LOOP
    v_bytes := v_bytes + g.bytes;
    v_root := recant.root_of(g.relid);
    SELECT r.* INTO v_relation FROM recant.relation r WHERE r.relid = v_root;
    -- A table that Recant no longer knows: its owner dropped it from the capture.
    CONTINUE WHEN v_relation.id IS NULL;
    IF g.truncated THEN
      INSERT INTO recant.change (ordinal, xid, login, relation, key_hash, operation, recorded_at)
      SELECT c.ordinal, c.xid, c.login, v_relation.id, 0, 'x', c.recorded_at FROM recant.capture c
      WHERE c.relid = g.relid AND c.shape IS NOT DISTINCT FROM g.shape AND c.operation = 'x' AND ${TAKEN('v_snapshot')};
    END IF;
    IF g.marked THEN
      INSERT INTO recant.change (ordinal, attempt, xid, login, relation, key_hash, operation, recorded_at)
      SELECT c.ordinal, u.attempt, c.xid, c.login, v_relation.id, 1, 'm', c.recorded_at FROM recant.capture c JOIN recant.undrained u ON u.xid = c.xid AND u.login = c.login
      WHERE c.relid = g.relid AND c.operation = 'm' AND ${TAKEN('v_snapshot')};
    END IF;
    CONTINUE WHEN NOT g.rows;
    SELECT t.hash, t.signature INTO v_hash, v_today FROM (SELECT recant.shape_hash(g.relid) AS hash, recant.signature(g.relid) AS signature) t;
    -- Without a signature the columns are recorded: this relation's, today's, or (a partition that was altered since) another relation's with the same hash.
    -- Else the session tampered with the setting.
    v_signature := coalesce(g.signature, (SELECT s.signature FROM recant.shape s WHERE s.relid = g.relid AND s.hash = g.shape),
      CASE WHEN g.shape = v_hash THEN v_today END, (SELECT s.signature FROM recant.shape s WHERE s.hash = g.shape AND s.relation = v_relation.id LIMIT 1));
    v_shape := coalesce(recant.shape_id(v_relation.id, v_root, g.relid, g.shape, v_signature), recant.shape_id(v_relation.id, v_root, g.relid, v_hash, v_today));
    SELECT cardinality(s.columns) INTO v_columns FROM recant.shape s WHERE s.id = v_shape;
    -- A transaction that altered the table after its first change of it (a new name alone changes no text).
    IF g.shape IS DISTINCT FROM v_hash AND recant.without_names(v_signature) IS DISTINCT FROM recant.without_names(v_today) THEN
      PERFORM recant.absorb_unreadable(g.relid, g.shape, x.xid, v_relation.id)
      FROM (SELECT DISTINCT c.xid FROM recant.capture c WHERE c.relid = g.relid AND c.shape IS NOT DISTINCT FROM g.shape AND c.operation NOT IN ('x', 'm') AND ${TAKEN('v_snapshot')}) x
      WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = g.relid AND a.attnum > 0 AND a.xmin::text::bigint = (x.xid::text::numeric % 4294967296)::bigint);
    END IF;
    BEGIN
      PERFORM recant.absorb_group(g.relid, g.shape, NULL, v_relation.id, v_shape, v_columns, v_relation.key_columns IS NOT NULL, v_snapshot);
    EXCEPTION WHEN data_exception THEN
      PERFORM recant.absorb_one_by_one(g.relid, g.shape, v_relation.id, v_shape, v_columns, v_relation.key_columns IS NOT NULL, v_snapshot);
    END;
  END LOOP;
  DELETE FROM recant.capture c WHERE ${TAKEN('v_snapshot')};
  -- In one snapshot a transaction's name and its changes are visible together.
  DELETE FROM recant.transaction t WHERE t.xid <> pg_current_xact_id() AND NOT EXISTS (SELECT FROM recant.capture c WHERE c.xid = t.xid);
  PERFORM recant.record_holes(v_snapshot, v_epoch), recant.relieve_queue(v_bytes);
END $$;`;

/** A doubtful shape is never guessed: the changes are counted, and the attempt that made them cannot be undone by itself. */
const UNREADABLE_SQL = `
CREATE OR REPLACE FUNCTION recant.absorb_unreadable(p_relid oid, p_hash bigint, p_xid xid8, p_relation int) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH taken AS (DELETE FROM recant.capture c WHERE c.relid = p_relid AND c.shape IS NOT DISTINCT FROM p_hash AND c.operation NOT IN ('x', 'm') AND c.xid = p_xid RETURNING c.*)
  INSERT INTO recant.change (ordinal, attempt, xid, login, relation, key_hash, operation, recorded_at)
  SELECT t.ordinal, u.attempt, t.xid, t.login, p_relation, 1, '?', t.recorded_at FROM taken t JOIN recant.undrained u ON u.xid = t.xid AND u.login = t.login
$$;
CREATE OR REPLACE FUNCTION recant.absorb_one_by_one(p_relid oid, p_hash bigint, p_relation int, p_shape int, p_columns int, p_keyed boolean, p_snapshot pg_snapshot) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_xid xid8;
BEGIN
  FOR v_xid IN SELECT DISTINCT c.xid FROM recant.capture c WHERE c.relid = p_relid AND c.shape IS NOT DISTINCT FROM p_hash AND c.operation NOT IN ('x', 'm') AND ${TAKEN('p_snapshot')} LOOP
    BEGIN
      PERFORM recant.absorb_group(p_relid, p_hash, v_xid, p_relation, p_shape, p_columns, p_keyed, p_snapshot);
    EXCEPTION WHEN data_exception THEN
      PERFORM recant.absorb_unreadable(p_relid, p_hash, v_xid, p_relation);
    END;
  END LOOP;
END $$;`;

/**
 * Row triggers of nested statements fire before the outer row's own, so that within a transaction a row's numbers can be reversed. Its physical
 * versions say the true order: each change starts at the version that the one before left. The numbers of the row's changes are dealt anew.
 */
const ORDER_SQL = `
CREATE OR REPLACE FUNCTION recant.order_within_transactions() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE v_pass int := 0; v_moved int;
BEGIN
  LOOP
    -- A change that starts at a version which a later number of the same transaction leaves behind swaps its number with that one.
    WITH late AS (
      SELECT DISTINCT ON (a.ordinal) a.ctid AS a_row, a.ordinal AS a_ordinal, b.ctid AS b_row, b.ordinal AS b_ordinal
      FROM recant.capture a JOIN recant.capture b ON b.xid = a.xid AND b.relid = a.relid AND b.new_tid = a.old_tid AND b.ordinal > a.ordinal
      WHERE a.operation IN ('u', 'd') AND b.operation IN ('i', 'u')
        AND NOT EXISTS (SELECT FROM recant.capture e WHERE e.xid = a.xid AND e.relid = a.relid AND e.new_tid = a.old_tid AND e.ordinal < a.ordinal)
      ORDER BY a.ordinal, b.ordinal DESC),
    once AS (SELECT DISTINCT ON (l.b_ordinal) l.* FROM late l ORDER BY l.b_ordinal, l.a_ordinal),
    swap AS (
      SELECT o.a_row AS row, o.b_ordinal AS ordinal FROM once o WHERE o.a_ordinal NOT IN (SELECT b_ordinal FROM once)
      UNION ALL SELECT o.b_row, o.a_ordinal FROM once o WHERE o.a_ordinal NOT IN (SELECT b_ordinal FROM once))
    UPDATE recant.capture c SET ordinal = s.ordinal FROM swap s WHERE c.ctid = s.row;
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    v_pass := v_pass + 1;
    EXIT WHEN v_moved = 0 OR v_pass > 1000;
  END LOOP;
END $$;`;

/** An attempt whose effects are taken back: an inverse of it took effect and is not itself undone. */
const UNDONE_SQL = `
CREATE OR REPLACE FUNCTION recant.is_undone(p_attempt bigint) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM recant.applied p WHERE p.undoes = p_attempt AND (p.attempt IS NULL OR NOT recant.is_undone(p.attempt)));
END $$;`;

export const ABSORB_FUNCTIONS_SQL = [
  UNDONE_SQL,
  ROOT_SQL,
  BIND_SQL,
  KEY_SQL,
  SHAPE_SQL,
  GROUP_SQL,
  UNREADABLE_SQL,
  ORDER_SQL,
  ABSORB_SQL,
].join('\n');
