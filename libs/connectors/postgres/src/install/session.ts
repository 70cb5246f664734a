import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorError, type ConnectorErrorCode } from '@recant/connector';
import pg from 'pg';

/** How long one statement of `connect` waits for a lock: an application's statement never waits longer behind it. */
const LOCK_TIMEOUT_MS = 500;
const BACK_OFF_MS_MAX = 2_000;
/** How long a transaction is retried altogether. */
export const PATIENCE_MS = 15_000;

/** A session of the owner's login. */
export interface OwnerSession {
  readonly client: pg.Client;
  /** One transaction. Retried while it meets a lock or a concurrent `connect`, so `work` must be repeatable. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
}

/** @throws ConnectorError for everything that the target refuses */
export async function withOwner<T>(url: string, patienceMs: number, work: (session: OwnerSession) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'recant-connect', connectionTimeoutMillis: 10_000 });
  // The query under way fails by itself.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    throw new ConnectorError('unreachable', whyNotConnected(cause), { cause });
  }
  try {
    return await work({ client, transaction: (step) => retried(client, patienceMs, step) });
  } catch (error) {
    throw refusalOf(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** 55P03 lock_not_available, 40P01 deadlock, 40001 serialization; 23505, 42P06, 42P07, 42710 and XX000: a concurrent `connect` made the same object. */
const COLLISIONS = new Set(['55P03', '40P01', '40001', '23505', '42P06', '42P07', '42710', 'XX000']);

async function retried<T>(client: pg.Client, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (let backOffMs = 50; ; backOffMs = Math.min(backOffMs * 2, BACK_OFF_MS_MAX)) {
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL search_path = pg_catalog, pg_temp`);
      const result = await work();
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      if (!COLLISIONS.has((error as { code?: string }).code ?? '') || performance.now() + backOffMs > deadline) throw error;
      await delay(backOffMs);
    }
  }
}

/** A server that answers with an SQLSTATE (28P01 invalid_password, 3D000 invalid_catalog_name, ...) is reachable and says why it refuses. */
function whyNotConnected(cause: unknown): string {
  const { message, code } = cause as { message?: string; code?: string };
  if (cause instanceof pg.DatabaseError) return `The target database refused the login: ${message}`;
  return `Target database unreachable: ${message || code}`;
}

const REFUSALS: readonly (readonly [code: RegExp, refusal: ConnectorErrorCode, advice: string])[] = [
  [/^25006$/, 'read_only', 'The server is a standby or read-only. Use the address of the primary.'],
  [/^55P03$/, 'locked', 'Another session held a lock for the whole time. Connect again: it continues where it stopped.'],
  [/^(53100|53200|58030|54000)$/, 'disk_full', 'Free space on the database server, then connect again: it continues where it stopped.'],
  [/^42501$/, 'permission_denied', 'Use a login that owns the tables and schema "recant".'],
  [/^42704$/, 'options_invalid', 'Name roles that exist.'],
  [
    /^(42703|42883|42P01|42P13|42804)$/,
    'capture_altered',
    'Schema "recant" was altered by hand. Run "recant disconnect --discard", then connect again.',
  ],
  [/^(08|57|53)/, 'unreachable', 'Try again.'],
];

function refusalOf(error: unknown): unknown {
  if (error instanceof ConnectorError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const isLost =
    !(error instanceof pg.DatabaseError) && (/^E[A-Z]+$/.test(code ?? '') || /^Connection terminated|timeout/.test(message ?? ''));
  if (isLost) return new ConnectorError('unreachable', `Target database unreachable: ${message}`, { cause: error });
  const known = REFUSALS.find(([pattern]) => pattern.test(code ?? ''));
  if (known === undefined) return error;
  return new ConnectorError(known[1], `The target refused: ${message}. ${known[2]}`, { cause: error });
}
