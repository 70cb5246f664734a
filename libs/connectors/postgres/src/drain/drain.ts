import { randomBytes } from 'node:crypto';
import { ConnectorError, type Drain, type DrainBatch, type DrainContext, type DrainState } from '@recant/connector';
import { createEffectRedactor, createRedactor, rulesOf } from '@recant/redaction';
import type { ClientBase, Pool } from 'pg';
import { IS_DUE_SQL } from '../install/drain-sql.ts';
import { inTransaction } from '../undo/session.ts';
import { fillBatch, type Stream } from './batch.ts';
import { createStream, LEASE_MS, type Target } from './observed.ts';
import { endTransaction, openTransactions } from './open-transactions.ts';

/** A source without events sends a heartbeat this often. */
const HEARTBEAT_MS = LEASE_MS / 4;

export function createDrain(pool: Pool, system: string): Drain {
  // The server, its timeline and the source that were compared with the ledger. A restored server is another one, or was started again.
  let compared: string | undefined;
  const redactEffect = createEffectRedactor(createRedactor(rulesOf({ personal: 'mask' }), randomBytes));
  return {
    isIdle: (nowMs) => inTransaction(pool, (client) => isIdle(client, nowMs)),
    async next(context) {
      for (;;) {
        const { epoch, server } = await inTransaction(pool, readServer);
        const source = sourceOf(context, system, epoch);
        const comparing = `${source} ${server}`;
        const recorded = compared === comparing ? 0 : await context.recorded(source);
        const state = await inTransaction(pool, (client) => next(client, { ...context, system, source, epoch, recorded, redactEffect }));
        compared = comparing;
        if (state !== 'epoch_ended') return state;
      }
    },
    confirm: ({ number }) =>
      inTransaction(pool, async (client) => {
        await client.query('UPDATE recant.batch SET events = NULL, confirmed_at = clock_timestamp() WHERE number = $1', [
          number.toString(),
        ]);
        // The last one stays, as a memory of what was confirmed.
        await client.query('DELETE FROM recant.batch WHERE number < $1 AND confirmed_at IS NOT NULL', [number.toString()]);
      }),
    openTransactions: (of) => inTransaction(pool, (client) => openTransactions(client, of)),
    endTransaction: (pid) => inTransaction(pool, (client) => endTransaction(client, pid)),
  };
}

const sourceOf = ({ sourcePrefix }: DrainContext, system: string, epoch: number): string => `${sourcePrefix}/system/${system}/${epoch}`;

async function readServer(client: ClientBase): Promise<{ epoch: number; server: string }> {
  const { rows } = await client.query<{ epoch: number; standby: boolean; server: string }>(
    `SELECT epoch, pg_is_in_recovery() AS standby,
       pg_postmaster_start_time() || CASE WHEN pg_is_in_recovery() THEN '' ELSE ' ' || recant.current_timeline() END AS server FROM recant.system`,
  );
  if (rows[0] === undefined) throw new ConnectorError('not_prepared', 'The database is not prepared for capture. Run preparePostgres.');
  if (rows[0].standby) throw new ConnectorError('read_only', 'The target database is a standby. Use the address of the primary.');
  return rows[0];
}

/** Reads only: an idle target writes no write-ahead log. */
async function isIdle(client: ClientBase, nowMs: number): Promise<boolean> {
  const { rows } = await client.query<{ idle: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM recant.capture) AND NOT EXISTS (SELECT FROM recant.undrained) AND NOT EXISTS (SELECT FROM recant.lost) AND NOT ${IS_DUE_SQL}
       AND coalesce(pg_sequence_last_value('recant.queue_level'), 1) = 1
       AND NOT EXISTS (SELECT FROM recant.batch WHERE confirmed_at IS NULL)
       AND NOT EXISTS (SELECT FROM recant.stream s JOIN recant.system y ON y.epoch = s.epoch WHERE s.sent_at < $1)
       AND (pg_is_in_recovery() OR recant.current_timeline() = (SELECT coalesce(timeline, '') FROM recant.system)) AS idle`,
    [new Date(nowMs - HEARTBEAT_MS)],
  );
  return rows[0]?.idle ?? false;
}

interface Turn extends Omit<DrainContext, 'recorded'> {
  readonly system: string;
  readonly source: string;
  readonly epoch: number;
  readonly recorded: number;
  readonly redactEffect: Target['redactEffect'];
}

/**
 * One transaction, under the lock of the one row of `recant.system`: one drain at a time; every other drain or absorb waits.
 * A crash before its commit leaves no trace; after it, the batch is found and sent again.
 */
async function next(client: ClientBase, turn: Turn): Promise<DrainState | 'epoch_ended'> {
  const { rows } = await client.query<{ epoch: number; timeline: string | null; current: string; identity: string }>(
    'SELECT epoch, timeline, recant.current_timeline() AS current, identity FROM recant.system FOR UPDATE',
  );
  const [state] = rows;
  if (state?.epoch !== turn.epoch) return 'epoch_ended';
  const stream = await openStream(client, turn);
  if (state.timeline !== state.current) {
    await client.query('UPDATE recant.system SET timeline = $1', [state.current]);
    if (state.timeline !== null) return endEpoch(client, turn, stream);
  }
  await client.query('SELECT recant.absorb(), recant.expire()');
  const absorbed = await lastAbsorbed(client);
  const batch = (await readPending(client)) ?? (await makeBatch(client, turn, stream, state.identity));
  return { absorbed, ...(batch === undefined ? {} : { batch }) };
}

async function makeBatch(client: ClientBase, turn: Turn, stream: Stream, identity: string): Promise<DrainBatch | undefined> {
  const isNew = stream.sequenceNext === 1;
  if (isNew) stream.open();
  const opening = stream.events.length;
  let through: string | undefined;
  // A transaction that left no change worth an event (its table is no longer captured) leaves the queue without one.
  for (let filled: string | undefined; stream.events.length === opening; through = filled) {
    filled = await fillBatch(client, { system: turn.system, identity, redactEffect: turn.redactEffect }, stream);
    if (filled === undefined) break;
  }
  if (stream.events.length === opening) {
    if (isNew || !(await isHeartbeatDue(client, turn))) return undefined;
    stream.heartbeat();
  }
  return store(client, turn, stream, through);
}

/** @throws ConnectorError `tail_lost`: the ledger has recorded numbers that this target never gave out */
async function openStream(client: ClientBase, { source, recorded, nowMs, system }: Turn): Promise<Stream> {
  const { rows } = await client.query<{ next: string }>('SELECT sequence_next AS next FROM recant.stream WHERE source = $1', [source]);
  const sequenceNext = Number(rows[0]?.next ?? 1);
  if (recorded < sequenceNext) return createStream(source, sequenceNext, nowMs);
  throw new ConnectorError(
    'tail_lost',
    `System ${system} was restored to an earlier state: the ledger recorded event ${recorded} of ${source}, the target remembers ${sequenceNext - 1}. Check the target, then run SELECT recant.adopt_restored() in it.`,
  );
}

/** The server was promoted or restored, and lost nothing that was drained: numbers of transactions start again under a new epoch. */
async function endEpoch(client: ClientBase, turn: Turn, stream: Stream): Promise<'epoch_ended'> {
  await client.query('UPDATE recant.system SET epoch = epoch + 1');
  if (stream.sequenceNext > 1) {
    stream.close('failover');
    await store(client, turn, stream, undefined);
  }
  return 'epoch_ended';
}

async function isHeartbeatDue(client: ClientBase, { source, nowMs }: Turn): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM recant.stream WHERE source = $1 AND sent_at < $2', [
    source,
    new Date(nowMs - HEARTBEAT_MS),
  ]);
  return rowCount === 1;
}

async function readPending(client: ClientBase): Promise<DrainBatch | undefined> {
  const { rows } = await client.query<{ number: string; events: Buffer[]; through: string }>(
    'SELECT number, events, through FROM recant.batch WHERE confirmed_at IS NULL ORDER BY number LIMIT 1',
  );
  const [row] = rows;
  return row && { number: BigInt(row.number), events: row.events, through: BigInt(row.through) };
}

async function lastAbsorbed(client: ClientBase): Promise<bigint> {
  const { rows } = await client.query<{ n: string }>(
    `SELECT greatest((SELECT max(n) FROM recant.undrained), (SELECT max(through) FROM recant.batch WHERE confirmed_at IS NULL), 0) AS n`,
  );
  return BigInt(rows[0]?.n ?? 0);
}

async function store(
  client: ClientBase,
  turn: Turn,
  { source, events, sequenceNext }: Stream,
  through: string | undefined,
): Promise<DrainBatch> {
  await client.query(
    `INSERT INTO recant.stream (source, epoch, sequence_next, sent_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (source) DO UPDATE SET sequence_next = excluded.sequence_next, sent_at = excluded.sent_at`,
    [source, turn.epoch, sequenceNext, new Date(turn.nowMs)],
  );
  const { rows } = await client.query<{ number: string; through: string }>(
    `INSERT INTO recant.batch (events, through) VALUES ($1, coalesce($2::bigint, (SELECT max(through) FROM recant.batch), 0)) RETURNING number, through`,
    [events, through ?? null],
  );
  return { number: BigInt(rows[0]?.number ?? 0), events, through: BigInt(rows[0]?.through ?? 0) };
}
