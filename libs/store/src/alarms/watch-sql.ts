/** Logs with entries, or rows of the read models, that the watch has not read: two index probes per log. */
export const UNWATCHED = `SELECT l.tenant_id, l.shard FROM recant.log l LEFT JOIN recant.log_watch w ON (w.tenant_id, w.shard) = (l.tenant_id, l.shard)
  LEFT JOIN recant.projected p ON (p.tenant_id, p.shard) = (l.tenant_id, l.shard)
  WHERE l.size <> coalesce(w.next, 0) OR coalesce(p.size, 0) <> coalesce(w.next_action, 0) ORDER BY 1, 2`;

/**
 * Folds entries [$3, $4) of a log into what is known of their sources. `missing` of a new row: numbers up to its last that the window lacks. Merged: numbers that were
 * missing, or lie between the two last ones, and that the window lacks. Frames are read by scalar subqueries: a join would read the whole table.
 */
export const FOLD = `WITH read AS (
    SELECT e.source_no, max(e.sequence) AS last, max(e.idx) AS idx, range_agg(int8range(e.sequence, e.sequence + 1)) AS seen,
      max(e.idx) FILTER (WHERE e.event_id = 'opened') AS opened, bool_or(e.event_id = 'closed') AS closed
    FROM recant.entry e WHERE e.tenant_id = $1 AND e.shard = $2 AND e.idx >= $3 AND e.idx < $4 AND e.source_no IS NOT NULL GROUP BY e.source_no),
  folded AS (
    SELECT r.source_no, r.last, int8multirange(int8range(1, r.last + 1)) - r.seen AS missing, r.closed,
      (SELECT recant.received_ms(f.frame) FROM recant.entry f WHERE f.tenant_id = $1 AND f.shard = $2 AND f.idx = r.idx) AS received_ms,
      (SELECT (recant.event_of(o.frame) -> 'data' ->> 'leaseMs')::bigint FROM recant.entry o WHERE o.tenant_id = $1 AND o.shard = $2 AND o.idx = r.opened) AS lease_ms
    FROM read r)
  INSERT INTO recant.source_watch AS k (tenant_id, source_no, last, missing, gap_since_ms, lease_ms, received_ms, closed)
  SELECT $1, source_no, last, missing, CASE WHEN NOT isempty(missing) THEN $5::bigint END, lease_ms, received_ms, closed FROM folded ORDER BY source_no
  ON CONFLICT (tenant_id, source_no) DO UPDATE SET
    (last, missing, gap_since_ms, lease_ms, received_ms, closed) = (SELECT greatest(k.last, EXCLUDED.last), m.missing,
      CASE WHEN NOT isempty(m.missing) THEN coalesce(k.gap_since_ms, $5::bigint) END, coalesce(EXCLUDED.lease_ms, k.lease_ms), EXCLUDED.received_ms, k.closed OR EXCLUDED.closed
      FROM (SELECT (k.missing + int8multirange(int8range(k.last + 1, greatest(k.last, EXCLUDED.last) + 1)))
        * (EXCLUDED.missing + int8multirange(int8range(EXCLUDED.last + 1, NULL))) AS missing) m)
  RETURNING source_no`;

/** A producer that skips every second number must not fill the row: from range $3 on, everything up to the last number counts as one range. */
export const MERGE = `UPDATE recant.source_watch k SET missing = k.missing + (SELECT int8multirange(int8range(lower(r), k.last + 1)) FROM unnest(k.missing) r ORDER BY r OFFSET $3 LIMIT 1)
  WHERE k.tenant_id = $1 AND k.source_no = ANY ($2::bigint[]) AND (SELECT count(*) FROM unnest(k.missing)) > $3`;

const END = (code: string): string => `UPDATE recant.alarm a SET ended_at = greatest($3, a.started_at) FROM changed, recant.source s
  WHERE s.tenant_id = $1 AND s.source_no = changed.source_no AND a.tenant_id = $1 AND a.code = '${code}' AND a.subject = s.source AND a.ended_at IS NULL`;
const OF_WINDOW = 'k.tenant_id = $1 AND k.source_no = ANY ($2::bigint[])';

export const CLOSE_GAPS = `WITH changed AS (UPDATE recant.source_watch k SET gap = false WHERE ${OF_WINDOW} AND k.gap AND isempty(k.missing) RETURNING source_no) ${END('source_gap')}`;
export const CLOSE_LOST = `WITH changed AS (UPDATE recant.source_watch k SET lost = false WHERE ${OF_WINDOW} AND k.lost RETURNING source_no) ${END('source_lost')}`;

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}';
/** A process that starts again has the same name except for the UUIDv7 at its end: its predecessor's silence is explained. */
export const CLOSE_RESTARTED = `UPDATE recant.alarm a SET ended_at = greatest($3, a.started_at) FROM recant.source s JOIN recant.source_watch k USING (tenant_id, source_no)
  WHERE ${OF_WINDOW} AND NOT k.lost AND s.source ~ '/${UUID}$' AND a.tenant_id = $1 AND a.code = 'source_lost' AND a.ended_at IS NULL
    AND a.subject >= left(s.source, -36) AND a.subject < s.source AND length(a.subject) = length(s.source) AND right(a.subject, 36) ~ '^${UUID}$'`;

const GAP = `k.tenant_id, s.source, (SELECT sum(upper(r) - lower(r)) FROM unnest(k.missing) r) AS missing, (SELECT count(*) FROM unnest(k.missing)) AS ranges,
  (SELECT json_agg(json_build_object('first', lower(r), 'last', upper(r) - 1)) FROM (SELECT r FROM unnest(k.missing) r ORDER BY r`;
/** Open gaps of the window's sources, as they are now. */
export const GAPS_CHANGED = `SELECT ${GAP} LIMIT $3) x (r)) AS shown FROM recant.source_watch k JOIN recant.source s USING (tenant_id, source_no) WHERE ${OF_WINDOW} AND k.gap`;
/** At most this many conditions in one transaction; the next round has the others. */
const DUE_MAX = 1_000;
export const NEW_GAPS = `WITH due AS (SELECT tenant_id, source_no FROM recant.source_watch WHERE gap_since_ms IS NOT NULL AND NOT gap AND gap_since_ms <= $1 LIMIT ${DUE_MAX} FOR UPDATE SKIP LOCKED),
  k AS (UPDATE recant.source_watch w SET gap = true FROM due WHERE (w.tenant_id, w.source_no) = (due.tenant_id, due.source_no) RETURNING w.*)
  SELECT ${GAP} LIMIT $2) x (r)) AS shown FROM k JOIN recant.source s USING (tenant_id, source_no)`;
/** No alarm where the process started again before its old lease was over: its silence is explained. */
export const NEW_LOST = `WITH due AS (SELECT tenant_id, source_no FROM recant.source_watch
    WHERE NOT closed AND NOT lost AND lease_ms IS NOT NULL AND received_ms + lease_ms < $1 LIMIT ${DUE_MAX} FOR UPDATE SKIP LOCKED),
  k AS (UPDATE recant.source_watch w SET lost = true FROM due WHERE (w.tenant_id, w.source_no) = (due.tenant_id, due.source_no) RETURNING w.*)
  SELECT k.tenant_id, s.source, k.received_ms, k.lease_ms FROM k JOIN recant.source s USING (tenant_id, source_no)
  WHERE NOT EXISTS (SELECT FROM recant.source n WHERE n.tenant_id = k.tenant_id AND s.source ~ '/${UUID}$'
    AND n.source > s.source AND n.source < left(s.source, -36) || 'g' AND length(n.source) = length(s.source) AND right(n.source, 36) ~ '^${UUID}$')`;

export const DEAD_LETTERS = 'SELECT DISTINCT code FROM recant.dead_letter WHERE tenant_id = $1 AND shard = $2 AND idx >= $3 AND idx < $4';
