import { OPERATOR_TENANT } from '@recant/events';
import type pg from 'pg';
import { inTransaction } from '../in-transaction.ts';

/** A message for one webhook: the start of an alarm, or its end. */
export interface QueuedMessage {
  readonly tenant: string;
  readonly alarm: string;
  readonly ends: boolean;
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
  /** Milliseconds since 1970, UTC. */
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** Attempts, this one included. */
  readonly tries: number;
}

export interface WebhookState {
  readonly name: string;
  readonly waiting: number;
  /** Since when it has accepted nothing, and what it first answered then. */
  readonly failing?: { readonly sinceMs: number; readonly failure: string };
  /** Messages that were given up, and when the last one was. */
  readonly dropped: number;
  readonly droppedAtMs?: number;
}

/**
 * Messages that wait for the operator's webhooks. A trigger queues them in the transaction that starts or ends an alarm; they are deleted once accepted. Any number of
 * processes may send: a message is claimed by one at a time, and claimed again after the claim's time, so that a crash sends it twice rather than never. All times are the
 * database's.
 */
export interface Webhooks {
  /** Keeps these; a new one gets the alarms that are open now, and one that no process has had for a day is deleted with its messages. Idempotent. */
  register(webhooks: readonly { readonly name: string; readonly codes: readonly string[] }[]): Promise<void>;
  /** Messages that are due, oldest first; nobody else claims them for `holdMs`. */
  claim(webhook: string, limit: number, holdMs: number): Promise<readonly QueuedMessage[]>;
  accepted(webhook: string, message: QueuedMessage): Promise<void>;
  /** @param delayMs until the next attempt */
  failed(webhook: string, message: QueuedMessage, failure: string, delayMs: number): Promise<void>;
  /** Gives a claim back, as if it had not been made. */
  release(webhook: string, message: QueuedMessage): Promise<void>;
  /** Gives up messages that are too old, and the oldest ones above the limit of a tenant. @returns how many */
  drop(webhook: string, limits: { readonly ageMs: number; readonly ofTenantMax: number }): Promise<number>;
  states(names: readonly string[]): Promise<readonly WebhookState[]>;
}

const SEEN = 'UPDATE recant.webhook SET codes = $3, seen_at = now() WHERE tenant_id = $1 AND name = $2';
const INSERT = `INSERT INTO recant.webhook (tenant_id, name, codes, seen_at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`;
/** With the table locked against new alarms: none is missed between this statement and the trigger's first look at the webhook. */
const QUEUE_OPEN = `INSERT INTO recant.webhook_message (tenant_id, webhook, alarm_id, ends, code, subject, detail, action, started_at)
  SELECT tenant_id, $1, id, false, code, subject, detail, action, started_at FROM recant.alarm
  WHERE ended_at IS NULL AND code = ANY ($2) AND NOT (code = 'webhook_failing' AND subject = $1) ORDER BY started_at DESC LIMIT 1000`;
const IS_UNSEEN = "tenant_id = $1 AND seen_at < now() - interval '1 day'";
const UNSEEN = `SELECT FROM recant.webhook WHERE ${IS_UNSEEN} LIMIT 1`;
const FORGET = `DELETE FROM recant.webhook WHERE ${IS_UNSEEN} RETURNING name`;
const FORGET_MESSAGES = 'DELETE FROM recant.webhook_message WHERE webhook = ANY ($1)';

const KEY = 'tenant_id = $1 AND webhook = $2 AND alarm_id = $3::uuid AND ends = $4';
const CLAIM = `WITH due AS (SELECT tenant_id, webhook, alarm_id, ends FROM recant.webhook_message WHERE webhook = $1 AND due_at <= now()
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  UPDATE recant.webhook_message m SET due_at = now() + $3::float8 * interval '1 millisecond', tries = m.tries + 1 FROM due d
  WHERE (m.tenant_id, m.webhook, m.alarm_id, m.ends) = (d.tenant_id, d.webhook, d.alarm_id, d.ends) RETURNING m.*`;
const DELETE = `DELETE FROM recant.webhook_message WHERE ${KEY}`;
/** Not after another process has claimed it. */
const DELAY = `UPDATE recant.webhook_message SET due_at = now() + $6::float8 * interval '1 millisecond' WHERE ${KEY} AND tries = $5`;
const RELEASE = `UPDATE recant.webhook_message SET due_at = now(), tries = tries - 1 WHERE ${KEY} AND tries = $5`;
const WORKS =
  'UPDATE recant.webhook SET failing_since = NULL, failure = NULL WHERE tenant_id = $1 AND name = $2 AND failing_since IS NOT NULL';
const FAILS = 'UPDATE recant.webhook SET failing_since = now(), failure = $3 WHERE tenant_id = $1 AND name = $2 AND failing_since IS NULL';
const DROP = `WITH ranked AS (SELECT tenant_id, webhook, alarm_id, ends, queued_at, row_number() OVER (PARTITION BY tenant_id ORDER BY queued_at DESC) AS n
    FROM recant.webhook_message WHERE webhook = $2),
  gone AS (DELETE FROM recant.webhook_message m USING ranked r WHERE (m.tenant_id, m.webhook, m.alarm_id, m.ends) = (r.tenant_id, r.webhook, r.alarm_id, r.ends)
    AND (r.n > $4 OR r.queued_at < now() - $3::float8 * interval '1 millisecond') RETURNING 1),
  counted AS (SELECT count(*)::int AS n FROM gone),
  noted AS (UPDATE recant.webhook w SET dropped = dropped + c.n, dropped_at = now() FROM counted c WHERE w.tenant_id = $1 AND w.name = $2 AND c.n > 0)
  SELECT n FROM counted`;
const STATES = `SELECT name, failing_since, failure, dropped, dropped_at,
  (SELECT count(*) FROM recant.webhook_message m WHERE m.webhook = w.name)::int AS waiting
  FROM recant.webhook w WHERE tenant_id = $1 AND name = ANY ($2) ORDER BY name`;

const FAILURE_CHARACTERS_MAX = 200;

export function createWebhooks(pool: pg.Pool): Webhooks {
  return {
    async register(webhooks) {
      for (const { name, codes } of webhooks)
        if ((await pool.query(SEEN, [OPERATOR_TENANT, name, codes])).rowCount === 0) await add(pool, name, codes);
      if ((await pool.query(UNSEEN, [OPERATOR_TENANT])).rowCount === 1) await forget(pool);
    },
    async claim(webhook, limit, holdMs) {
      const { rows } = await pool.query<MessageRow>(CLAIM, [webhook, limit, holdMs]);
      return rows.map(toMessage);
    },
    async accepted(webhook, message) {
      await pool.query(DELETE, keyOf(webhook, message));
      await pool.query(WORKS, [OPERATOR_TENANT, webhook]);
    },
    async failed(webhook, message, failure, delayMs) {
      await pool.query(DELAY, [...keyOf(webhook, message), message.tries, delayMs]);
      await pool.query(FAILS, [
        OPERATOR_TENANT,
        webhook,
        failure.slice(0, FAILURE_CHARACTERS_MAX).toWellFormed().replaceAll('\0', '\ufffd'),
      ]);
    },
    async release(webhook, message) {
      await pool.query(RELEASE, [...keyOf(webhook, message), message.tries]);
    },
    async drop(webhook, { ageMs, ofTenantMax }) {
      const { rows } = await pool.query<{ n: number }>(DROP, [OPERATOR_TENANT, webhook, ageMs, ofTenantMax]);
      return rows[0]?.n ?? 0;
    },
    async states(names) {
      const { rows } = await pool.query<StateRow>(STATES, [OPERATOR_TENANT, names]);
      return rows.map(toState);
    },
  };
}

/** Two processes at once add it once. */
const add = (pool: pg.Pool, name: string, codes: readonly string[]): Promise<void> =>
  betweenAlarms(pool, async (client) => {
    const { rowCount } = await client.query(INSERT, [OPERATOR_TENANT, name, codes]);
    if (rowCount === 1) await client.query(QUEUE_OPEN, [name, codes]);
  });

/** With their messages, to which no alarm adds meanwhile. */
const forget = (pool: pg.Pool): Promise<void> =>
  betweenAlarms(pool, async (client) => {
    const { rows } = await client.query<{ name: string }>(FORGET, [OPERATOR_TENANT]);
    await client.query(FORGET_MESSAGES, [rows.map(({ name }) => name)]);
  });

/** One transaction in which no alarm starts or ends. A crash or a failure leaves nothing of it. */
function betweenAlarms(pool: pg.Pool, change: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const work = async (client: pg.PoolClient): Promise<void> => {
    await client.query('LOCK TABLE recant.alarm IN SHARE MODE');
    await change(client);
  };
  return inTransaction(pool, work, "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10s'");
}

const keyOf = (webhook: string, { tenant, alarm, ends }: QueuedMessage): unknown[] => [tenant, webhook, alarm, ends];

interface MessageRow {
  readonly tenant_id: string;
  readonly alarm_id: string;
  readonly ends: boolean;
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly tries: number;
}

function toMessage({ tenant_id, alarm_id, ends, code, subject, detail, action, started_at, ended_at, tries }: MessageRow): QueuedMessage {
  return {
    ...{ tenant: tenant_id, alarm: alarm_id, ends, code, subject, detail, action, tries },
    startedAtMs: started_at.getTime(),
    ...(ended_at === null ? {} : { endedAtMs: ended_at.getTime() }),
  };
}

interface StateRow {
  readonly name: string;
  readonly failing_since: Date | null;
  readonly failure: string | null;
  readonly dropped: string;
  readonly dropped_at: Date | null;
  readonly waiting: number;
}

function toState({ name, failing_since, failure, dropped, dropped_at, waiting }: StateRow): WebhookState {
  return {
    ...{ name, waiting, dropped: Number(dropped) },
    ...(failing_since === null ? {} : { failing: { sinceMs: failing_since.getTime(), failure: failure ?? '' } }),
    ...(dropped_at === null ? {} : { droppedAtMs: dropped_at.getTime() }),
  };
}
