import { ConnectorError, type Drain, type OpenTransaction } from '@recant/connector';
import type { ClientBase } from 'pg';
import { belongsTo } from '../install/logins-of.ts';

/**
 * A transaction that wrote a captured row holds RowExclusiveLock on `recant.capture` until it ends; `pg_locks` shows it to every login, for
 * prepared transactions, too. `xact_start` of another login is visible to its members and to `pg_read_all_stats` only.
 */
const OPEN_SQL = `
SELECT g.login, g.agent, g.source_prefix, l.pid, NULL::text AS gid, (extract(epoch FROM clock_timestamp() - s.xact_start) * 1000)::float8 AS "ageMs"
FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid JOIN recant.agent g ON g.login = s.usename
WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted AND l.relation = 'recant.capture'::regclass
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
UNION ALL
SELECT g.login, g.agent, g.source_prefix, NULL, p.gid, (extract(epoch FROM clock_timestamp() - p.prepared) * 1000)::float8
FROM pg_prepared_xacts p JOIN recant.agent g ON g.login = p.owner WHERE p.database = current_database()
`;

interface Row {
  readonly login: string;
  readonly agent: string;
  readonly pid: number | null;
  readonly gid: string | null;
  readonly ageMs: number | null;
}

const OF_SQL = `SELECT * FROM (${OPEN_SQL}) o WHERE $1::text[] IS NULL OR o.agent = ANY ($1)
  OR ${belongsTo('o.login', 'o.source_prefix', '$2::text[]')} ORDER BY o."ageMs" DESC NULLS LAST`;

export async function openTransactions(
  client: ClientBase,
  of: Parameters<Drain['openTransactions']>[0] = { sources: [] },
): Promise<OpenTransaction[]> {
  const { rows } = await client.query<Row>(OF_SQL, [of.agents ?? null, of.sources]);
  return rows.map(describe);
}

const describe = ({ login, agent, pid, gid, ageMs }: Row): OpenTransaction => ({
  login,
  agent,
  ...(pid === null ? {} : { pid }),
  ...(gid === null ? {} : { gid }),
  ...(ageMs === null ? {} : { ageMs: Math.max(0, Math.round(ageMs)) }),
});

/** Only the session of an agent's login, and only while its transaction is open: a number can be another session's by now. */
export async function endTransaction(client: ClientBase, pid: number): Promise<OpenTransaction | undefined> {
  try {
    const { rows } = await client.query<Row>(
      `SELECT o.* FROM (${OPEN_SQL}) o WHERE CASE WHEN o.pid = $1 THEN pg_terminate_backend(o.pid) END`,
      [pid],
    );
    return rows[0] && describe(rows[0]);
  } catch (cause) {
    const { code, message } = cause as { code?: string; message?: string };
    if (code !== '42501') throw cause;
    throw new ConnectorError(
      'permission_denied',
      `The target refused: ${message}. Let a superuser run GRANT pg_signal_backend for the login of the drain, or end it there: SELECT pg_terminate_backend(${pid}).`,
      { cause },
    );
  }
}
