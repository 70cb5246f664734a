import { type AttemptRef, type Call, type EventOf, eventId } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import type pg from 'pg';

const CALLS = `SELECT u.n, e.frame FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS u (source, event_id, n)
  JOIN recant.source s ON s.tenant_id = $1 AND s.source = u.source
  JOIN recant.entry e ON e.tenant_id = $1 AND e.source_no = s.source_no AND e.event_id = u.event_id`;
const LAST_ATTEMPT = `SELECT s.source, a.attempt FROM recant.attempt a JOIN recant.source s ON s.tenant_id = a.tenant_id AND s.source_no = a.source_no
  WHERE a.tenant_id = $1 AND a.action = $2::uuid AND ($3::int IS NULL OR a.attempt = $3) ORDER BY a.attempt DESC LIMIT 1`;
/** Intents in memory at once. */
const AT_ONCE = 500;

/** What the intents of these attempts say, by place; an attempt without an intent is missing. Read from entries: an edited projection fences nothing else. */
export async function recordedCalls(
  client: pg.ClientBase,
  tenant: string,
  refs: readonly AttemptRef[],
): Promise<ReadonlyMap<number, Call>> {
  const calls = new Map<number, Call>();
  for (let from = 0; from < refs.length; from += AT_ONCE) {
    const some = refs.slice(from, from + AT_ONCE);
    const values = [tenant, some.map(({ source }) => source), some.map(({ action, attempt }) => eventId.intended(action, attempt))];
    const { rows } = await client.query<{ n: string; frame: Buffer }>(CALLS, values);
    for (const { n, frame } of rows) {
      const event = intentOf(frame);
      if (event !== undefined) calls.set(from + Number(n) - 1, event.data);
    }
  }
  return calls;
}

function intentOf(frame: Buffer): EventOf<'recant.attempt.intended.v1'> | undefined {
  const body = decodeFrame(frame)?.body;
  return body && (JSON.parse(Buffer.from(body).toString('utf8')) as EventOf<'recant.attempt.intended.v1'>);
}

/** @param attempt default: the last one. @returns undefined: no such attempt is recorded */
export async function recordedAttempt(
  client: pg.ClientBase,
  tenant: string,
  action: string,
  attempt: number | undefined,
): Promise<AttemptRef | undefined> {
  const { rows } = await client.query<{ source: string; attempt: number }>(LAST_ATTEMPT, [tenant, action, attempt ?? null]);
  return rows[0] && { source: rows[0].source, action, attempt: rows[0].attempt };
}
