/** Ranges of missing numbers, and attempts without an intent, that are read of one source. */
export const HOLES_MAX = 1_000;
export const ATTEMPTS_MAX = 1_000;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}';

/**
 * Sources $3 (of agents), $4 (by name), $5 (with a settlement of these actions) and Recant's own ($6) that may be incomplete below the vector $2, or silent at $7: at least
 * those that are. What the alarm watch knows of a source answers for all entries that it has read, so that the cost follows the entries since its last round, not the
 * size of a source; a source that it does not know, or knows beyond the vector, is one of them.
 */
export const SUSPECTS = `WITH bound AS MATERIALIZED (SELECT (v.ordinal - 1)::smallint AS shard, v.size, coalesce(w.next, 0) AS next
    FROM unnest($2::bigint[]) WITH ORDINALITY v (size, ordinal) LEFT JOIN recant.log_watch w ON w.tenant_id = $1 AND w.shard = v.ordinal - 1),
  wanted AS MATERIALIZED (SELECT s.source_no, s.agent <> $6 AS leased FROM recant.source s
    WHERE s.tenant_id = $1 AND ($3::text[] IS NULL OR s.agent = ANY ($3::text[]) OR s.source = ANY ($4::text[]) OR s.agent = $6
      OR s.source_no IN (SELECT t.source_no FROM recant.settlement t WHERE t.tenant_id = $1 AND t.action = ANY ($5::uuid[])))),
  ahead AS MATERIALIZED (SELECT DISTINCT e.source_no FROM bound b JOIN recant.entry e ON e.tenant_id = $1 AND e.shard = b.shard AND e.idx >= b.size AND e.idx < b.next),
  tail AS MATERIALIZED (SELECT e.source_no, max(e.sequence) AS last, count(DISTINCT e.sequence) FILTER (WHERE e.sequence > k.last) AS fresh
    FROM bound b JOIN recant.entry e ON e.tenant_id = $1 AND e.shard = b.shard AND e.idx >= b.next AND e.idx < b.size
    JOIN recant.source_watch k ON k.tenant_id = $1 AND k.source_no = e.source_no GROUP BY e.source_no)
  SELECT w.source_no FROM wanted w LEFT JOIN recant.source_watch k ON k.tenant_id = $1 AND k.source_no = w.source_no
    LEFT JOIN tail t ON t.source_no = w.source_no LEFT JOIN ahead a ON a.source_no = w.source_no
  WHERE k.source_no IS NULL OR a.source_no IS NOT NULL OR NOT isempty(k.missing) OR t.fresh < t.last - k.last
    OR w.leased AND t.source_no IS NULL AND NOT k.closed AND k.received_ms + k.lease_ms < $7`;

const OF = 'FROM recant.source s JOIN unnest($3::bigint[]) WITH ORDINALITY b (size, ordinal) ON b.ordinal - 1 = s.shard';
const OWN = 'e.tenant_id = $1 AND e.source_no = s.source_no AND e.idx < b.size';
const RECEIVED = (idx: string): string =>
  `(SELECT recant.received_ms(f.frame) FROM recant.entry f WHERE f.tenant_id = $1 AND f.shard = s.shard AND f.idx = ${idx})`;

/** Holes of sources $2 below the vector $3, the highest ones first. */
export const HOLES = `SELECT s.source_no, h.first, h.last, h.holes, ${RECEIVED('h.idx_below')} AS before_ms, ${RECEIVED('h.idx')} AS after_ms ${OF}
  CROSS JOIN LATERAL (SELECT n.below + 1 AS first, n.sequence - 1 AS last, n.idx, n.idx_below, count(*) OVER () AS holes
    FROM (SELECT e.sequence, e.idx, lead(e.sequence, 1, 0::int8) OVER w AS below, lead(e.idx) OVER w AS idx_below
      FROM recant.entry e WHERE ${OWN} WINDOW w AS (ORDER BY e.sequence DESC, e.idx DESC)) n
    WHERE n.sequence - n.below > 1 ORDER BY n.sequence DESC LIMIT ${HOLES_MAX}) h
  WHERE s.tenant_id = $1 AND s.source_no = ANY ($2::bigint[])`;

/** Attempts of sources $2 with effects or a settlement below the vector $3, but no intent. Ids of these events begin with action and attempt. */
export const WITHOUT_INTENT = `SELECT s.source_no, a.action, a.attempt, ${RECEIVED('a.idx')} AS received_ms ${OF}
  CROSS JOIN LATERAL (SELECT split_part(e.event_id, '.', 1) AS action, split_part(e.event_id, '.', 2)::integer AS attempt, min(e.idx) AS idx
    FROM recant.entry e WHERE ${OWN} AND e.event_id ~ '^${UUID}\\.[0-9]+\\.(intended|settled|effects\\.)'
    GROUP BY 1, 2 HAVING NOT bool_or(e.event_id ~ '\\.intended$') ORDER BY 1, 2 LIMIT ${ATTEMPTS_MAX}) a
  WHERE s.tenant_id = $1 AND s.source_no = ANY ($2::bigint[])`;

/** Of sources $2, those that are silent past their lease at $4. A process that starts again has the same name except for the UUIDv7 at its end. */
export const LOST = `SELECT l.source_no, l.lease_ms, l.received_ms FROM (SELECT s.source_no, s.source, b.size,
    (SELECT (recant.event_of(e.frame) -> 'data' ->> 'leaseMs')::bigint FROM recant.entry e WHERE ${OWN} AND e.event_id = 'opened') AS lease_ms,
    ${RECEIVED(`(SELECT max(e.idx) FROM recant.entry e WHERE ${OWN})`)} AS received_ms ${OF}
    WHERE s.tenant_id = $1 AND s.source_no = ANY ($2::bigint[])
      AND NOT EXISTS (SELECT FROM recant.entry e WHERE ${OWN} AND e.event_id = 'closed')) l
  WHERE l.received_ms + l.lease_ms < $4 AND NOT EXISTS (SELECT FROM recant.source n WHERE n.tenant_id = $1 AND l.source ~ '/${UUID}$'
    AND n.source > l.source AND n.source < left(l.source, -36) || 'g' AND length(n.source) = length(l.source) AND right(n.source, 36) ~ '^${UUID}$')`;
