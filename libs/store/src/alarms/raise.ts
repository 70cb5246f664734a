import type pg from 'pg';

/** What an alarm reports. Its text must not change while the condition stays the same: an age or a running count would withdraw acknowledgements. */
export interface Condition {
  /** A code of ALARM_CODES in `@recant/api`. */
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
}

export interface TenantCondition extends Condition {
  readonly tenant: string;
}

const BYTES_MAX = { subject: 1_024, text: 8_192 };
/** The reporter's repeat of an unchanged alarm writes a row only when less than half of the hold is left. */
const RAISE = `INSERT INTO recant.alarm AS a (tenant_id, code, subject, detail, action, started_at, expires_at)
  SELECT $1, c.code, c.subject, c.detail, c.action, $6, $7 FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS c (code, subject, detail, action) ORDER BY 2, 3
  ON CONFLICT (tenant_id, code, subject) WHERE ended_at IS NULL DO UPDATE SET detail = EXCLUDED.detail, action = EXCLUDED.action, expires_at = EXCLUDED.expires_at,
    acknowledged_at = CASE WHEN a.detail = EXCLUDED.detail THEN a.acknowledged_at END,
    acknowledged_by = CASE WHEN a.detail = EXCLUDED.detail THEN a.acknowledged_by END
  WHERE (a.detail, a.action) <> (EXCLUDED.detail, EXCLUDED.action) OR (a.expires_at IS NULL) <> (EXCLUDED.expires_at IS NULL)
    OR a.expires_at < EXCLUDED.expires_at - $8::float8 * interval '1 millisecond'`;

/** @param db a pool, or a connection whose transaction the alarms belong to */
export async function raise(
  db: Pick<pg.ClientBase, 'query'>,
  nowMs: number,
  tenant: string,
  conditions: readonly Condition[],
  holdMs?: number,
): Promise<void> {
  if (conditions.length === 0) return;
  const expires = holdMs === undefined ? null : new Date(nowMs + holdMs);
  await db.query(RAISE, [tenant, ...columnsOf(conditions), new Date(nowMs), expires, (holdMs ?? 0) / 2]);
}

/** One row each, whatever the list repeats: a statement may not change a row twice. */
function columnsOf(conditions: readonly Condition[]): readonly (readonly string[])[] {
  const distinct = [...new Map(conditions.map((one) => [`${one.code} ${fit(one.subject, BYTES_MAX.subject)}`, one])).values()];
  return [
    distinct.map(({ code }) => code),
    distinct.map(({ subject }) => fit(subject, BYTES_MAX.subject)),
    distinct.map(({ detail }) => fit(detail, BYTES_MAX.text)),
    distinct.map(({ action }) => fit(action, BYTES_MAX.text)),
  ];
}

/** Text that PostgreSQL accepts, cut to a number of UTF-8 bytes. */
function fit(text: string, bytesMax: number): string {
  const clean = text.replaceAll('\0', '\ufffd').toWellFormed();
  if (Buffer.byteLength(clean) <= bytesMax) return clean;
  return Buffer.from(clean)
    .subarray(0, bytesMax - 3)
    .toString()
    .replace(/\ufffd*$/, '…');
}

/** A subject as it is stored. */
export const fitSubject = (subject: string): string => fit(subject, BYTES_MAX.subject);
