import { type Access, checkFrameSize, type Projection } from '@recant/ledger';
import { HASH_BYTES, leafHashInPlace } from '@recant/transparency';
import type { Copy } from '../copy/copy-in.ts';
import { CopyWriter } from '../copy/copy-writer.ts';
import { EffectCounts } from './effect-counts.ts';
import type { DeadItem } from './item.ts';
import type { Place } from './place.ts';

const COPY_ENTRY = 'COPY recant.entry (tenant_id, shard, idx, source_no, event_id, sequence, leaf, frame) FROM STDIN (FORMAT binary)';
const COPY_ATTEMPT = `COPY recant.attempt (tenant_id, source_no, action, attempt, shard, idx, sequence, agent, tool, session, trace, intended_at,
  received_at, deadline_at, reversibility, key_id, inverts_source, inverts_action, inverts_attempt, inverts_run, inverts_step) FROM STDIN (FORMAT binary)`;
const COPY_SETTLEMENT = `COPY recant.settlement (tenant_id, source_no, action, attempt, shard, idx, outcome, chunks, effects, digest, settled_at,
  received_at, duration_ms) FROM STDIN (FORMAT binary)`;
const COPY_EFFECT = 'COPY recant.effect (tenant_id, resource, shard, idx, source_no, action, attempt, access) FROM STDIN (FORMAT binary)';
const COPY_OBSERVED = `COPY recant.observed (tenant_id, action, attempt, shard, idx, source_no, sequence, source, named, system, transaction, login, agent,
  chunk, chunks, observed_at, received_at, key_id) FROM STDIN (FORMAT binary)`;
const COPY_DEAD_LETTER =
  'COPY recant.dead_letter (tenant_id, shard, idx, code, detail, origin, key_id, digest, bytes, received_at) FROM STDIN (FORMAT binary)';

const ACCESS_CODES: Readonly<Record<Access, number>> = { declared: 0, read: 1, written: 2 };

interface EventKey {
  readonly sourceNo: number;
  readonly eventId: string;
  readonly sequence: number;
}

/** All rows of one transaction, for one COPY per table; effect counts need sums of stored rows. */
export class Rows {
  readonly #entry: CopyWriter;
  readonly #attempt = new CopyWriter();
  readonly #settlement = new CopyWriter();
  readonly #effect = new CopyWriter();
  readonly #observed = new CopyWriter();
  readonly #deadLetter = new CopyWriter();
  readonly effectCounts = new EffectCounts();

  /** @param frameBytes expected bytes of all frames, approximately */
  constructor(frameBytes: number) {
    this.#entry = new CopyWriter(frameBytes);
  }

  /** @returns the leaf hash. @throws RangeError if the frame is too large */
  entry({ tenant, shard, idx }: Place, key: EventKey | undefined, frameHead: Uint8Array, body: Uint8Array): Uint8Array {
    checkFrameSize(frameHead.length + body.length);
    const writer = this.#entry;
    writer.row(8);
    writer.text(tenant);
    writer.int16(shard);
    writer.int64(idx);
    if (key === undefined) for (let n = 0; n < 3; n += 1) writer.null();
    else {
      writer.int64(key.sourceNo);
      writer.text(key.eventId);
      writer.int64(key.sequence);
    }
    return writer.hashed(frameHead, body, HASH_BYTES, leafHashInPlace);
  }

  projection(place: Place, key: EventKey, keyId: string, { attempt, settlement, observed, effectCount, effects }: Projection): void {
    if (attempt !== undefined) this.#attemptRow(place, key, keyId, attempt);
    if (settlement !== undefined) this.settlement(place, key.sourceNo, settlement);
    if (observed !== undefined) this.#observedRow(place, key, keyId, observed);
    if (effectCount !== undefined) this.effectCounts.add(place, effectCount);
    const writer = this.#effect;
    for (const row of effects) {
      writer.row(8);
      writer.text(place.tenant);
      writer.text(row.resource);
      writer.int16(place.shard);
      writer.int64(place.idx);
      writer.int64(key.sourceNo);
      writer.uuid(row.action);
      writer.int32(row.attempt);
      writer.int16(ACCESS_CODES[row.access]);
    }
  }

  #attemptRow(place: Place, key: EventKey, keyId: string, row: NonNullable<Projection['attempt']>): void {
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
    writer.text(keyId);
    if (row.inverts === undefined) for (let n = 0; n < 5; n += 1) writer.null();
    else {
      writer.text(row.inverts.source);
      writer.uuid(row.inverts.action);
      writer.int32(row.inverts.attempt);
      writer.text(row.inverts.run);
      writer.int32(row.inverts.step);
    }
  }

  #observedRow(place: Place, key: EventKey, keyId: string, row: NonNullable<Projection['observed']>): void {
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
    writer.text(keyId);
  }

  settlement(place: Place, sourceNo: number, row: NonNullable<Projection['settlement']>): void {
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

  deadLetter({ tenant, shard, idx, receivedAtMs }: Place, item: DeadItem): void {
    const writer = this.#deadLetter;
    writer.row(10);
    writer.text(tenant);
    writer.int16(shard);
    writer.int64(idx);
    writer.text(item.refusal.code);
    writer.text(item.refusal.detail);
    writer.text(item.origin);
    writer.text(item.keyId);
    writer.bytes(item.digest);
    writer.bytes(item.bytes);
    writer.timestamp(receivedAtMs);
  }

  /** In sending order. */
  copies(): readonly Copy[] {
    return [
      { statement: COPY_ENTRY, rows: this.#entry },
      { statement: COPY_ATTEMPT, rows: this.#attempt },
      { statement: COPY_SETTLEMENT, rows: this.#settlement },
      { statement: COPY_EFFECT, rows: this.#effect },
      { statement: COPY_OBSERVED, rows: this.#observed },
      { statement: COPY_DEAD_LETTER, rows: this.#deadLetter },
    ];
  }
}
