import type { OpenTransaction } from '@recant/connector';
import type { ClientBase } from 'pg';

/**
 * A transaction that wrote a captured row holds RowExclusiveLock on `recant.capture` until it ends; `pg_locks` shows it to every login, for
 * prepared transactions, too. `xact_start` of another login is visible to its members and to `pg_read_all_stats` only.
 */
const OPEN_SQL = `
SELECT g.login, l.pid, NULL::text AS gid, (extract(epoch FROM clock_timestamp() - s.xact_start) * 1000)::float8 AS "ageMs"
FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid JOIN recant.agent g ON g.login = s.usename
WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted AND l.relation = 'recant.capture'::regclass
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
UNION ALL
SELECT g.login, NULL, p.gid, (extract(epoch FROM clock_timestamp() - p.prepared) * 1000)::float8
FROM pg_prepared_xacts p JOIN recant.agent g ON g.login = p.owner WHERE p.database = current_database()
ORDER BY 4 DESC NULLS LAST`;

interface Row {
  readonly login: string;
  readonly pid: number | null;
  readonly gid: string | null;
  readonly ageMs: number | null;
}

export async function openTransactions(client: ClientBase): Promise<OpenTransaction[]> {
  const { rows } = await client.query<Row>(OPEN_SQL);
  return rows.map(({ login, pid, gid, ageMs }) => ({
    login,
    ...(pid === null ? {} : { pid }),
    ...(gid === null ? {} : { gid }),
    ...(ageMs === null ? {} : { ageMs: Math.max(0, Math.round(ageMs)) }),
  }));
}
