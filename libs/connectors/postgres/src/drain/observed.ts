import {
  type AttemptObserved,
  actionOfTransaction,
  type EventData,
  type EventType,
  encodeEvent,
  eventId,
  formatSequence,
  OWN_AGENT,
  type RecantEvent,
} from '@recant/events';
import type { EffectRedactor } from '@recant/redaction';
import { effectOf } from '../effect.ts';
import { formatTable } from '../resource.ts';
import type { DrainedEffect, DrainedTransaction, EffectRange } from './transactions.ts';

/** Milliseconds of silence after which the source of a drain counts as lost. */
export const LEASE_MS = 86_400_000;
/** Tables counted in one event. */
const COUNTED_MAX = 100;
/** Bytes of an event that names tables only, per table. */
const COUNTED_BYTES = 300;
const ENVELOPE_BYTES = 1_200;

/** One event of a transaction: effects, or counted tables. */
export interface Chunk {
  readonly transaction: DrainedTransaction;
  readonly chunk: number;
  readonly effects?: EffectRange;
  readonly counted: AttemptObserved['counted'];
  /** Upper bound. */
  readonly bytes: number;
}

export const chunksOf = ({ cuts, counted }: DrainedTransaction): number => cuts.length + Math.ceil(counted.length / COUNTED_MAX);

export function chunkAt(transaction: DrainedTransaction, chunk: number): Chunk {
  const { xid, login, cuts, weights, counted, attempt, end } = transaction;
  const from = cuts[chunk];
  if (from !== undefined && attempt !== null) {
    const effects = { attempt: attempt.id, xid, login, from, to: cuts[chunk + 1] ?? end };
    return { transaction, chunk, effects, counted: undefined, bytes: ENVELOPE_BYTES + (weights[chunk] ?? 0) };
  }
  const first = (chunk - cuts.length) * COUNTED_MAX;
  const tables = counted.slice(first, first + COUNTED_MAX).map(({ schema, table, changes, unknown }) => ({
    table: formatTable(schema, table),
    changes,
    ...(unknown ? { unknown } : {}),
  }));
  return { transaction, chunk, counted: tables, bytes: ENVELOPE_BYTES + tables.length * COUNTED_BYTES };
}

/** What a source is told about the target. */
export interface Target {
  readonly system: string;
  /** Identity of the capture: part of the actions of transactions that named no attempt. */
  readonly identity: string;
  /** Masks names of rows and columns in which a redaction rule finds a secret. Such an effect cannot be undone, because an inverse needs the names. */
  readonly redactEffect: EffectRedactor;
}

const NAMED_BY_NOBODY = 'login';

/** Attempt of the ledger that a transaction belongs to; `of` is the source of a named one. */
export function attemptOf({ identity }: Target, transaction: DrainedTransaction): Pick<AttemptObserved, 'action' | 'attempt' | 'of'> {
  const { attempt, epoch, xid, login, from } = transaction;
  if (attempt !== null && attempt.source !== NAMED_BY_NOBODY)
    return { action: attempt.action, attempt: attempt.attempt, of: attempt.source };
  return { action: actionOfTransaction(JSON.stringify([identity, login]), `${epoch}/${xid}`, from.getTime()), attempt: 1 };
}

export function observed(target: Target, { transaction, chunk, counted }: Chunk, rows: readonly DrainedEffect[]): AttemptObserved {
  const { epoch, xid, login, agent, from, to } = transaction;
  return {
    ...attemptOf(target, transaction),
    system: target.system,
    transaction: `${epoch}/${xid}`,
    login: printable(login),
    ...(agent === null ? {} : { agent }),
    from: from.toISOString(),
    to: to.toISOString(),
    chunk,
    chunks: chunksOf(transaction),
    effects: rows.map((row) => target.redactEffect(effectOf(target.system, row), { scansPath: row.textKey }).effect),
    ...(counted === undefined ? {} : { counted }),
  };
}

/** A login can contain control characters, a name in an event cannot. */
const printable = (name: string): string => name.replace(/\p{Cc}/gu, encodeURIComponent);

/** Numbers and encodes the events of one source, from `sequenceNext` on. */
export function createStream(source: string, sequenceNext: number, nowMs: number) {
  const events: Uint8Array[] = [];
  let next = sequenceNext;
  return {
    source,
    events,
    add<T extends EventType>(type: T, id: string, data: EventData[T]): void {
      const time = new Date(nowMs).toISOString();
      const sequence = formatSequence(next);
      events.push(encodeEvent({ specversion: '1.0', id, source, type, time, sequence, agent: OWN_AGENT, data } as RecantEvent));
      next += 1;
    },
    open(): void {
      this.add('recant.source.opened.v1', eventId.opened(), { sdk: 'recant-drain', leaseMs: LEASE_MS });
    },
    heartbeat(): void {
      this.add('recant.source.heartbeat.v1', eventId.heartbeat(next), { nothingOlderThan: new Date(nowMs).toISOString() });
    },
    close(reason: string): void {
      this.add('recant.source.closed.v1', eventId.closed(), { reason });
    },
    observe(data: AttemptObserved): void {
      this.add('recant.attempt.observed.v1', eventId.observed(data), data);
    },
    get sequenceNext() {
      return next;
    },
  };
}
