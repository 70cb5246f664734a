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
/** Settlements of the window, and those of attempts of which it has a record of their target. The action is the start of an event's id. */
const SETTLED = `WITH named AS MATERIALIZED (SELECT DISTINCT left(event_id, 36) AS action, event_id ~ '\\.settled$' AS settles FROM recant.entry
    WHERE tenant_id = $1 AND shard = $2 AND idx >= $3 AND idx < $4 AND event_id ~ '^${UUID}\\.[0-9]+\\.(settled$|observed\\.)'),
  settled AS (SELECT s.*, n.settles, r.source FROM named n JOIN recant.settlement s ON s.tenant_id = $1 AND s.action = n.action::uuid
    JOIN recant.source r ON r.tenant_id = $1 AND r.source_no = s.source_no)`;
const LATE = `${SETTLED} SELECT DISTINCT ON (s.action) s.action, a.agent, a.tool, s.outcome, i.inverts_run AS run FROM settled s
  JOIN recant.attempt i ON i.tenant_id = $1 AND i.inverts_action = s.action AND i.inverts_attempt = s.attempt AND i.inverts_source = s.source
  JOIN recant.attempt a ON a.tenant_id = $1 AND a.action = s.action AND a.attempt = s.attempt AND a.source_no = s.source_no
  WHERE s.settles AND s.shard = $2 AND s.idx >= $3 AND s.idx < $4 AND i.inverts_run IS NOT NULL AND i.received_at < s.received_at ORDER BY s.action, i.received_at LIMIT ${FOUND_MAX}`;
const CONTRADICTED = `${SETTLED} SELECT DISTINCT ON (s.action) s.action, a.agent, a.tool, s.outcome, w.outcome AS ruled FROM settled s
  JOIN recant.attempt a ON a.tenant_id = $1 AND a.action = s.action AND a.attempt = s.attempt AND a.source_no = s.source_no
  LEFT JOIN LATERAL (SELECT outcome FROM recant.ruling WHERE tenant_id = $1 AND action = s.action AND attempt = s.attempt AND source = s.source ORDER BY ruled_at DESC LIMIT 1) w ON s.settles
  WHERE w.outcome <> s.outcome OR (s.outcome = 'denied' AND EXISTS (SELECT FROM recant.observed o
    WHERE o.tenant_id = $1 AND o.action = s.action AND o.attempt = s.attempt AND o.source = s.source)) ORDER BY s.action LIMIT ${FOUND_MAX}`;

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
    ...(await client.query<LateRow>(LATE, window)).rows.map(lateOf),
    ...(await client.query<ContradictedRow>(CONTRADICTED, window)).rows.map(contradictedOf),
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

interface LateRow extends ActionRow {
  readonly outcome: string;
  readonly run: string;
}

function lateOf({ outcome, run, ...row }: LateRow): Condition {
  return {
    code: 'settled_late',
    subject: row.action,
    detail: `${nameOf(row)}: reported ${outcome} after run ${run} had begun to undo the attempt.`,
    action: `Compare what it reports with what the run undid: \`recant actions show ${row.action}\`, \`recant status ${run}\`. What the run did not know of needs another plan. ${DAY}`,
  };
}

interface ContradictedRow extends ActionRow {
  readonly outcome: string;
  readonly ruled: string | null;
}

function contradictedOf({ outcome, ruled, ...row }: ContradictedRow): Condition {
  const other = ruled !== null && ruled !== outcome ? `a person had found out that it ${ruled}` : 'its target recorded changes';
  return {
    code: 'report_contradicted',
    subject: row.action,
    detail: `${nameOf(row)}: reported ${outcome}, and ${other}.`,
    action: `Find out what is true: \`recant actions show ${row.action}\`. Where a person was wrong, \`recant actions settle\` again. ${DAY}`,
  };
}
