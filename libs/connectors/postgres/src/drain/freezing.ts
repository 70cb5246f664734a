import { ConnectorError, type FreezeStanding, type Freezing, type OpenTransaction, type TargetFreeze } from '@recant/connector';
import type { ClientBase, Pool } from 'pg';
import { inTransaction } from '../undo/session.ts';

/** Unchanged freezes are set again this often: logins may have been registered since, or the target restored. */
const AGAIN_MS = 5_000;
const TABLES_SHOWN_MAX = 20;

export function createFreezing(pool: Pool): Freezing {
  let set = { text: '[]', atMs: Number.NEGATIVE_INFINITY };
  // What was open when a freeze was first seen to hold. Later transactions of its logins can write nothing.
  const found = new Map<string, ReadonlySet<string>>();
  return {
    async enforce(freezes) {
      const text = JSON.stringify(freezes.map(rowOf));
      if (text !== set.text || performance.now() - set.atMs > AGAIN_MS) {
        const atMs = performance.now();
        await inTransaction(pool, (client) => client.query('SELECT recant.set_freezes($1)', [text]));
        set = { text, atMs };
      }
      for (const id of found.keys()) if (!freezes.some((freeze) => freeze.id === id)) found.delete(id);
      if (freezes.length === 0) return [];
      // Read after the freezes were committed: whatever starts later sees them.
      return inTransaction(pool, async (client) => {
        const logins = await loginsOf(client);
        const open = await openOf(client, [...new Set([...logins.values()].flat())]);
        const standings: FreezeStanding[] = [];
        // One after the other: their savepoints share the transaction.
        for (const { id } of freezes) standings.push(await standingOf(client, id, logins.get(id) ?? [], open, found));
        return standings;
      });
    },
  };
}

const rowOf = ({ id, agent, sources, reason, expiresAtMs }: TargetFreeze) => ({
  freeze_id: id,
  agent: agent ?? null,
  sources,
  reason,
  expires_at: expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString(),
});

async function loginsOf(client: ClientBase): Promise<Map<string, string[]>> {
  const { rows } = await client.query<{ freeze_id: string; logins: string[] }>(
    'SELECT freeze_id, array_agg(login::text ORDER BY login) AS logins FROM recant.frozen GROUP BY freeze_id',
  );
  return new Map(rows.map(({ freeze_id, logins }) => [freeze_id, logins]));
}

interface Open extends OpenTransaction {
  /** Distinguishes it from a later one of the same session. */
  readonly id: string;
}

/** Every open transaction holds the lock of its virtual number, which `pg_locks` shows to every login. */
const OPEN_SQL = `
SELECT g.login, g.agent, l.pid, NULL AS gid, l.pid || ' ' || l.virtualxid AS id, (extract(epoch FROM clock_timestamp() - s.xact_start) * 1000)::float8 AS "ageMs"
FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid JOIN recant.agent g ON g.login = s.usename
WHERE l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction AND l.granted AND s.datname = current_database() AND g.login = ANY ($1)
UNION ALL
SELECT g.login, g.agent, NULL, p.gid, 'prepared ' || p.transaction, (extract(epoch FROM clock_timestamp() - p.prepared) * 1000)::float8
FROM pg_prepared_xacts p JOIN recant.agent g ON g.login = p.owner WHERE p.database = current_database() AND g.login = ANY ($1)`;

async function openOf(client: ClientBase, logins: readonly string[]): Promise<readonly Open[]> {
  const { rows } = await client.query<Open & { pid: number | null; gid: string | null; ageMs: number | null }>(OPEN_SQL, [logins]);
  return rows.map(({ id, login, agent, pid, gid, ageMs }) => ({
    ...{ id, login, agent },
    ...(pid === null ? {} : { pid }),
    ...(gid === null ? {} : { gid }),
    ...(ageMs === null ? {} : { ageMs: Math.max(0, Math.round(ageMs)) }),
  }));
}

async function standingOf(
  client: ClientBase,
  id: string,
  logins: readonly string[],
  open: readonly Open[],
  found: Map<string, ReadonlySet<string>>,
): Promise<FreezeStanding> {
  const mine = open.filter(({ login }) => logins.includes(login));
  const before = found.get(id) ?? new Set(mine.map((one) => one.id));
  found.set(id, before);
  const left = mine.filter((one) => before.has(one.id));
  const problem = left.length === 0 ? undefined : await end(client, left);
  return {
    id,
    logins,
    effective: left.length === 0,
    open: left.map(({ id: _, ...one }) => one),
    unfrozen: await unfrozenTables(client, logins),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Ends these sessions. Whether they have ended is seen by the next call. @returns why some cannot be ended */
async function end(client: ClientBase, left: readonly Open[]): Promise<string | undefined> {
  const pids = left.flatMap(({ pid }) => pid ?? []);
  const prepared = left.some(({ gid }) => gid !== undefined);
  await client.query('SAVEPOINT recant_end');
  try {
    await client.query(`SELECT pg_terminate_backend(o.pid) FROM (${OPEN_SQL}) o WHERE o.pid IS NOT NULL AND o.id = ANY ($2)`, [
      [...new Set(left.map(({ login }) => login))],
      left.map(({ id }) => id),
    ]);
    await client.query('RELEASE SAVEPOINT recant_end');
  } catch (cause) {
    await client.query('ROLLBACK TO SAVEPOINT recant_end');
    const { code, message } = cause as { code?: string; message?: string };
    if (code !== '42501') throw new ConnectorError('unreachable', `Target database unreachable: ${message}`, { cause });
    return `The login of the drain may not end these sessions. Run "recant connect postgres" again with --end-transactions, or end them there: SELECT pg_terminate_backend(${pids[0]}).`;
  }
  return prepared ? 'A prepared transaction is ended by its owner: ROLLBACK PREPARED.' : undefined;
}

/** Tables without a trigger of the capture that one of these logins may write. */
const UNFROZEN_SQL = `
SELECT n.nspname || '.' || c.relname AS name, count(*) OVER ()::int AS count FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND NOT c.relispartition AND n.nspname NOT IN ('information_schema', 'recant') AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM recant.relation r WHERE r.relid = c.oid AND (r.captured OR r.marked))
  AND EXISTS (SELECT FROM unnest($1::name[]) login JOIN pg_roles r ON r.rolname = login WHERE has_schema_privilege(login, n.oid, 'USAGE')
    AND (has_any_column_privilege(login, c.oid, 'INSERT, UPDATE') OR has_table_privilege(login, c.oid, 'DELETE, TRUNCATE')))
ORDER BY 1 LIMIT ${TABLES_SHOWN_MAX}`;

async function unfrozenTables(client: ClientBase, logins: readonly string[]): Promise<FreezeStanding['unfrozen']> {
  if (logins.length === 0) return { count: 0, shown: [] };
  const { rows } = await client.query<{ name: string; count: number }>(UNFROZEN_SQL, [logins]);
  return { count: rows[0]?.count ?? 0, shown: rows.map(({ name }) => name) };
}
