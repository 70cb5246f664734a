import type { Access, AttemptRow, EffectRow, ObservedRow, Projection, SettlementRow } from '@recant/ledger';
import type pg from 'pg';
import type { Place } from '../append/place.ts';
import type { Copy } from '../copy/copy-in.ts';
import { CopyWriter } from '../copy/copy-writer.ts';
import { EffectCounts } from './effect-counts.ts';

const COPY_ATTEMPT = `COPY recant.attempt (tenant_id, source_no, action, attempt, shard, idx, sequence, agent, tool, session, trace, intended_at,
  received_at, deadline_at, reversibility, key_id, inverts_source, inverts_action, inverts_attempt, inverts_run, inverts_step) FROM STDIN (FORMAT binary)`;
const COPY_SETTLEMENT = `COPY recant.settlement (tenant_id, source_no, action, attempt, shard, idx, outcome, chunks, effects, digest, settled_at,
  received_at, duration_ms) FROM STDIN (FORMAT binary)`;
const COPY_EFFECT = 'COPY recant.effect (tenant_id, resource, shard, idx, source_no, action, attempt, access) FROM STDIN (FORMAT binary)';
const COPY_OBSERVED = `COPY recant.observed (tenant_id, action, attempt, shard, idx, source_no, sequence, source, named, system, transaction, login, agent,
  chunk, chunks, observed_at, received_at, key_id) FROM STDIN (FORMAT binary)`;

const ACCESS_CODES: Readonly<Record<Access, number>> = { declared: 0, read: 1, written: 2 };

/** What the entry of an event says besides the event. */
export interface EventKey {
  readonly sourceNo: number;
  readonly sequence: number;
  readonly keyId: string;
}

/** The rows that the entries of one transaction add to the read models, for one COPY per table; effect counts need sums of stored rows. */
export class ProjectedRows {
  readonly #attempt = new CopyWriter();
  readonly #settlement = new CopyWriter();
  readonly #effect = new CopyWriter();
  readonly #observed = new CopyWriter();
  readonly #effectCounts = new EffectCounts();

  add(place: Place, key: EventKey, { attempt, settlement, observed, effectCount, effects }: Projection): void {
    if (attempt !== undefined) this.#addAttempt(place, key, attempt);
    if (settlement !== undefined) this.#addSettlement(place, key, settlement);
    if (observed !== undefined) this.#addObserved(place, key, observed);
    if (effectCount !== undefined) this.#effectCounts.add(place, effectCount);
    for (const row of effects) this.#addEffect(place, key, row);
  }

  /** In sending order. */
  copies(): readonly Copy[] {
    return [
      { statement: COPY_ATTEMPT, rows: this.#attempt },
      { statement: COPY_SETTLEMENT, rows: this.#settlement },
      { statement: COPY_EFFECT, rows: this.#effect },
      { statement: COPY_OBSERVED, rows: this.#observed },
    ];
  }

  /** To be executed after the copies. */
  statements(client: pg.ClientBase): readonly string[] {
    return this.#effectCounts.statements(client);
  }

  #addAttempt(place: Place, key: EventKey, row: AttemptRow): void {
    const writer = this.#attempt;
    writer.row(21);
    writer.text(place.tenant);
    writer.int64(key.sourceNo);
    writer.uuid(row.action);
    writer.int32(row.attempt);
    writer.int16(place.shard);
    writer.int64(place.idx);
    writer.int64(key.sequence);
    writer.text(row.agent);
    writer.text(row.tool);
    if (row.session === undefined) writer.null();
    else writer.text(row.session);
    if (row.trace === undefined) writer.null();
    else writer.hex(row.trace);
    writer.timestamp(row.intendedAtMs);
    writer.timestamp(place.receivedAtMs);
    writer.timestamp(row.deadlineAtMs);
    writer.text(row.reversibility);
    writer.text(key.keyId);
    if (row.inverts === undefined) for (let n = 0; n < 5; n += 1) writer.null();
    else {
      writer.text(row.inverts.source);
      writer.uuid(row.inverts.action);
      writer.int32(row.inverts.attempt);
      writer.text(row.inverts.run);
      writer.int32(row.inverts.step);
    }
  }

  #addObserved(place: Place, key: EventKey, row: ObservedRow): void {
    const writer = this.#observed;
    writer.row(18);
    writer.text(place.tenant);
    writer.uuid(row.action);
    writer.int32(row.attempt);
    writer.int16(place.shard);
    writer.int64(place.idx);
    writer.int64(key.sourceNo);
    writer.int64(key.sequence);
    writer.text(row.source);
    writer.boolean(row.named);
    writer.text(row.system);
    writer.text(row.transaction);
    writer.text(row.login);
    if (row.agent === undefined) writer.null();
    else writer.text(row.agent);
    writer.int32(row.chunk);
    writer.int32(row.chunks);
    writer.timestamp(row.observedAtMs);
    writer.timestamp(place.receivedAtMs);
    writer.text(key.keyId);
  }

  #addSettlement(place: Place, { sourceNo }: EventKey, row: SettlementRow): void {
    const writer = this.#settlement;
    writer.row(13);
    writer.text(place.tenant);
    writer.int64(sourceNo);
    writer.uuid(row.action);
    writer.int32(row.attempt);
    writer.int16(place.shard);
    writer.int64(place.idx);
    writer.text(row.outcome);
    writer.int32(row.chunks);
    writer.int64(row.effects);
    writer.hex(row.digest);
    writer.timestamp(row.settledAtMs);
    writer.timestamp(place.receivedAtMs);
    writer.int64(row.durationMs);
  }

  #addEffect(place: Place, { sourceNo }: EventKey, row: EffectRow): void {
    const writer = this.#effect;
    writer.row(8);
    writer.text(place.tenant);
    writer.text(row.resource);
    writer.int16(place.shard);
    writer.int64(place.idx);
    writer.int64(sourceNo);
    writer.uuid(row.action);
    writer.int32(row.attempt);
    writer.int16(ACCESS_CODES[row.access]);
  }
}
