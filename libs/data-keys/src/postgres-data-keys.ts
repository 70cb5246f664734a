import { randomBytes } from 'node:crypto';
import { DATA_KEY_BYTES } from '@recant/events';
import pg from 'pg';
import { DataKeysError } from './error.ts';
import type { DataKeys, FoundKey, MasterKey } from './port.ts';

/** Milliseconds to wait for a connection before the store counts as unavailable. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Milliseconds of one statement, enforced by the server and, for a half-open connection, by this process. */
const STATEMENT_MS_MAX = 10_000;
const CONNECTIONS_MAX_DEFAULT = 4;
const KEY_ID_BYTES = 16;
/** Keys per page of a rewrap. */
const REWRAP_ROWS = 500;

const PUT = 'INSERT INTO recant_keys.data_key (tenant_id, key_id, subject, wrapped) VALUES ($1, $2, $3, $4)';
const FIND = `SELECT subject, wrapped, (extract(epoch FROM destroyed_at) * 1000)::float8 AS destroyed_ms FROM recant_keys.data_key
  WHERE tenant_id = $1 AND key_id = $2`;
const DESTROY = `UPDATE recant_keys.data_key SET wrapped = NULL, destroyed_at = to_timestamp($3 / 1000.0)
  WHERE tenant_id = $1 AND subject = $2 AND wrapped IS NOT NULL`;
const PAGE = `SELECT tenant_id, key_id, subject, wrapped FROM recant_keys.data_key
  WHERE (tenant_id, key_id) > ($1, $2) AND wrapped IS NOT NULL ORDER BY tenant_id, key_id LIMIT ${REWRAP_ROWS}`;
/** Compare-and-set: a key destroyed concurrently stays destroyed. */
const REPLACE = 'UPDATE recant_keys.data_key SET wrapped = $4 WHERE tenant_id = $1 AND key_id = $2 AND wrapped = $3';

export interface PostgresDataKeysOptions {
  /** A database prepared by `prepareDataKeys`; never the ledger's. */
  readonly connectionString: string;
  readonly masterKey: MasterKey;
  /** Milliseconds since 1970, UTC. */
  readonly clock?: () => number;
  readonly connectionsMax?: number;
}

interface Row {
  readonly tenant_id: string;
  readonly key_id: string;
  readonly subject: string;
  readonly wrapped: Buffer;
}

/** Connects on first use. */
export function postgresDataKeys({ connectionString, masterKey, clock = Date.now, connectionsMax }: PostgresDataKeysOptions): DataKeys {
  const pool = new pg.Pool({
    connectionString,
    max: connectionsMax ?? CONNECTIONS_MAX_DEFAULT,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    statement_timeout: STATEMENT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX,
    application_name: 'recant keys',
  });
  // A connection that breaks is replaced at the next use; without a listener of its own, a checked-out one would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => void client.on('error', () => {}));

  async function query<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<R>> {
    try {
      return await pool.query<R>(text, values);
    } catch (cause) {
      const { code } = cause as { code?: unknown };
      throw new DataKeysError('store_unavailable', `The data-key database is unavailable (${code ?? 'no answer'}).`, { cause });
    }
  }

  async function rewrapOne({ tenant_id: tenant, key_id: keyId, subject, wrapped }: Row): Promise<number> {
    const context = contextOf(tenant, keyId, subject);
    const again = await masterKey.wrap(await masterKey.unwrap(wrapped, context), context);
    return (await query(REPLACE, [tenant, keyId, wrapped, again])).rowCount ?? 0;
  }

  return {
    async make(tenant, subject) {
      const [keyId, key] = [randomBytes(KEY_ID_BYTES).toString('hex'), randomBytes(DATA_KEY_BYTES)];
      await query(PUT, [tenant, keyId, subject, await masterKey.wrap(key, contextOf(tenant, keyId, subject))]);
      return { keyId, key };
    },
    async find(tenant, keyId): Promise<FoundKey> {
      const { rows } = await query(FIND, [tenant, keyId]);
      const row = rows[0] as { subject: string; wrapped: Buffer | null; destroyed_ms: number } | undefined;
      if (row === undefined) return { kind: 'unknown' };
      const { subject, wrapped, destroyed_ms: destroyedAtMs } = row;
      if (wrapped === null) return { kind: 'destroyed', subject, destroyedAtMs };
      return { kind: 'found', subject, key: await masterKey.unwrap(wrapped, contextOf(tenant, keyId, subject)) };
    },
    async destroy(tenant, subject) {
      return (await query(DESTROY, [tenant, subject, clock()])).rowCount ?? 0;
    },
    async rewrap() {
      let count = 0;
      for (let after: readonly [string, string] = ['', '']; ; ) {
        const { rows } = await query<Row>(PAGE, [...after]);
        for (const row of rows) if (!masterKey.isCurrent(row.wrapped)) count += await rewrapOne(row);
        const last = rows.at(-1);
        if (last === undefined || rows.length < REWRAP_ROWS) return count;
        after = [last.tenant_id, last.key_id];
      }
    },
    async ping() {
      await query('SELECT 1 FROM recant_keys.data_key LIMIT 0');
    },
    close: () => pool.end(),
  };
}

function contextOf(tenant: string, keyId: string, subject: string): string {
  return JSON.stringify(['recant.data-key.v1', tenant, keyId, subject]);
}
