import { OWN_AGENT } from '@recant/events';
import type pg from 'pg';
import { type Condition, raise } from './raise.ts';

/** Rows and files of one action above which it is an alarm, unless configured. */
export const ACTION_ROWS = 10_000;
/** Milliseconds after which the alarm about something that happened once ends. */
export const HAPPENED_MS = 86_400_000;
/** Conditions of each kind in one window. */
const FOUND_MAX = 1_000;

/** By its partial index: the literal lets PostgreSQL use it. $5 is at least as high. */
const LARGE = `SELECT DISTINCT ON (c.action) c.action, coalesce(a.agent, o.agent) AS agent, a.tool FROM recant.effect_count c
  LEFT JOIN LATERAL (SELECT agent, tool FROM recant.attempt WHERE tenant_id = c.tenant_id AND action = c.action AND attempt = c.attempt LIMIT 1) a ON true
  LEFT JOIN LATERAL (SELECT agent FROM recant.observed WHERE tenant_id = c.tenant_id AND action = c.action AND attempt = c.attempt AND agent IS NOT NULL LIMIT 1) o ON true
  WHERE c.tenant_id = $1 AND c.shard = $2 AND c.idx >= $3 AND c.idx < $4 AND greatest(c.reported_sum, c.observed_sum) >= 1000
    AND greatest(c.reported_sum, c.observed_sum) > $5 AND coalesce(a.agent, o.agent, '') <> '${OWN_AGENT}' ORDER BY c.action LIMIT ${FOUND_MAX}`;

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
/**
 * Attempts that the window settles, and settled ones of which it has a record of their target; those that a run had begun to undo before, that a person had
 * settled otherwise, or that were denied and changed something. The action is the start of an event's id. `OFFSET 0` keeps PostgreSQL from joining whole tables:
 * about 60 µs for a settlement (10,000 in a window, among 200,000 attempts; 2 shared cores, 2026-12).
 */
const SETTLED = `WITH named AS MATERIALIZED (SELECT left(event_id, 36) AS action, bool_or(event_id ~ '\\.settled$') AS settles FROM recant.entry
    WHERE tenant_id = $1 AND shard = $2 AND idx >= $3 AND idx < $4 AND event_id ~ '^${UUID}\\.[0-9]+\\.(settled$|observed\\.)' GROUP BY 1),
  settled AS (SELECT s.* FROM named n CROSS JOIN LATERAL (
    SELECT s.action, s.attempt, s.source_no, s.outcome, s.received_at, (SELECT source FROM recant.source r WHERE r.tenant_id = $1 AND r.source_no = s.source_no) AS source,
      n.settles AND s.shard = $2 AND s.idx >= $3 AND s.idx < $4 AS fresh
    FROM recant.settlement s WHERE s.tenant_id = $1 AND s.action = n.action::uuid OFFSET 0) s),
  judged AS (SELECT s.*, i.run, w.outcome AS ruled, s.outcome = 'denied' AND EXISTS (SELECT FROM recant.observed o
      WHERE o.tenant_id = $1 AND o.action = s.action AND o.attempt = s.attempt AND o.source = s.source) AS changed FROM settled s
    LEFT JOIN LATERAL (SELECT i.inverts_run AS run FROM recant.attempt i WHERE i.tenant_id = $1 AND i.inverts_action = s.action AND i.inverts_attempt = s.attempt
      AND i.inverts_source = s.source AND i.inverts_run IS NOT NULL AND i.received_at < s.received_at ORDER BY i.received_at LIMIT 1) i ON s.fresh
    LEFT JOIN LATERAL (SELECT outcome FROM recant.ruling WHERE tenant_id = $1 AND action = s.action AND attempt = s.attempt AND source = s.source
      ORDER BY ruled_at DESC LIMIT 1) w ON s.fresh)
  SELECT j.action, a.agent, a.tool, j.outcome, j.run, nullif(j.ruled, j.outcome) AS ruled, j.changed FROM judged j
  CROSS JOIN LATERAL (SELECT agent, tool FROM recant.attempt WHERE tenant_id = $1 AND action = j.action AND attempt = j.attempt AND source_no = j.source_no OFFSET 0) a
  WHERE j.run IS NOT NULL OR j.ruled <> j.outcome OR j.changed LIMIT ${FOUND_MAX}`;

/** Raises the alarms about actions that entries [from, end) of a log are about, in the transaction that moves the watch's place. */
export async function watchActions(
  client: pg.ClientBase,
  nowMs: number,
  [tenant, shard, from, end]: readonly [tenant: string, shard: number, from: number, end: number],
  rows: number,
): Promise<void> {
  const window = [tenant, shard, from, end];
  const found = [
    ...(await client.query<ActionRow>(LARGE, [...window, rows])).rows.map((row) => largeOf(row, rows)),
    ...(await client.query<SettledRow>(SETTLED, window)).rows.flatMap(settledOf),
  ];
  await raise(client, nowMs, tenant, found, HAPPENED_MS);
}

interface ActionRow {
  readonly action: string;
  readonly agent: string | null;
  readonly tool: string | null;
}

const nameOf = ({ agent, tool }: ActionRow): string => `${agent ?? 'A login'}${tool === null ? '' : `, tool ${tool}`}`;
const DAY = 'The alarm ends after a day.';

/** It names the limit, not the number, which grows with each event. */
function largeOf(row: ActionRow, rows: number): Condition {
  return {
    code: 'large_action',
    subject: row.action,
    detail: `${nameOf(row)}: one action changed more than ${rows} rows or files.`,
    action: `If nobody meant it: \`recant freeze\` its agent, then \`recant explain --action ${row.action}\`. \`recant actions show ${row.action}\` has what it did. ${DAY}`,
  };
}

interface SettledRow extends ActionRow {
  readonly outcome: string;
  /** That had begun to undo the attempt. */
  readonly run: string | null;
  /** What a person had found out, if it is another outcome. */
  readonly ruled: string | null;
  /** Its target recorded changes of a denied call. */
  readonly changed: boolean;
}

function settledOf({ outcome, run, ruled, changed, ...row }: SettledRow): Condition[] {
  const base = { subject: row.action };
  const found: Condition[] = [];
  if (run !== null)
    found.push({
      ...base,
      code: 'settled_late',
      detail: `${nameOf(row)}: reported ${outcome} after run ${run} had begun to undo the attempt.`,
      action: `Compare what it reports with what the run undid: \`recant actions show ${row.action}\`, \`recant status ${run}\`. What the run did not know of needs another plan. ${DAY}`,
    });
  if (ruled !== null || changed)
    found.push({
      ...base,
      code: 'report_contradicted',
      detail: `${nameOf(row)}: reported ${outcome}, and ${ruled === null ? 'its target recorded changes' : `a person had found out that it ${ruled}`}.`,
      action: `Find out what is true: \`recant actions show ${row.action}\`. Where a person was wrong, \`recant actions settle\` again. ${DAY}`,
    });
  return found;
}
