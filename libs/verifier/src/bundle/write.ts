import { createHash } from 'node:crypto';
import type { Signer } from '@recant/ledger';
import { encodeRecord, entryRecord, letterRecords, MAGIC } from './format.ts';
import { type BundleLog, type BundleQuery, encodeManifest } from './manifest.ts';
import { encodeStatement } from './statement.ts';

/** A log to export, as of one point in time. Each list is read once, in order. */
export interface BundleLogSource extends BundleLog {
  /** Roots of the complete subtrees of the first `from` leaves, largest first: 32 bytes each. */
  readonly start: Uint8Array;
  /** Frames from `from` to `size`, ascending. */
  entries(): AsyncIterable<{ readonly index: bigint; readonly frame: Uint8Array }>;
  /** Ascending by size, at most one per size, from `from` to `size`. The checkpoint of `size` must be included. */
  checkpoints(): AsyncIterable<{ readonly size: bigint; readonly note: Uint8Array }>;
  /** Ascending by index, from `from` to `size`. */
  deadLetters(): AsyncIterable<{ readonly index: bigint; readonly bytes: Uint8Array }>;
}

export interface BundleSource {
  readonly ledger: string;
  readonly tenant: string;
  readonly made: string;
  readonly query: BundleQuery;
  /** Every key that signed one of the checkpoints, including the signer's. */
  readonly vkeys: readonly string[];
  /** Ascending by shard. */
  readonly logs: readonly BundleLogSource[];
}

/** Approximate bytes per yielded piece. */
const PIECE_BYTES = 262_144;

/** Writes a bundle as a stream of bytes; buffers one piece. Writes its input unchecked: `verifyBundle` verifies. */
export async function* writeBundle(source: BundleSource, signer: Signer): AsyncGenerator<Buffer> {
  const out = new Pieces();
  const counts = { logs: source.logs.length, entries: 0, deadLetters: 0, checkpoints: 0 };
  out.add(MAGIC);
  out.add(encodeRecord('M', encodeManifest(source)));
  for (const vkey of source.vkeys) out.add(encodeRecord('K', Buffer.from(vkey)));
  for (const log of source.logs) {
    for await (const record of recordsOf(log, counts)) {
      out.add(record);
      if (out.bytes >= PIECE_BYTES) yield out.take();
    }
  }
  yield out.take();
  const { tenant, made } = source;
  yield encodeRecord('S', await encodeStatement({ digest: out.digest(), tenant, made, counts }, signer));
}

interface Counts {
  entries: number;
  deadLetters: number;
  checkpoints: number;
}

async function* recordsOf(log: BundleLogSource, counts: Counts): AsyncGenerator<Buffer> {
  yield encodeRecord('L', Buffer.from(`{"shard":${log.shard}}`));
  if (log.from > 0n) yield encodeRecord('P', log.start);
  const checkpoints = new Lookahead(log.checkpoints(), ({ size }) => size);
  const letters = new Lookahead(log.deadLetters(), ({ index }) => index);
  for await (const { note } of checkpoints.at(log.from)) {
    counts.checkpoints += 1;
    yield encodeRecord('C', note);
  }
  for await (const { index, frame } of log.entries()) {
    counts.entries += 1;
    yield entryRecord(index, frame);
    for await (const { bytes } of letters.at(index)) {
      counts.deadLetters += 1;
      yield* letterRecords(index, bytes);
    }
    for await (const { note } of checkpoints.at(index + 1n)) {
      counts.checkpoints += 1;
      yield encodeRecord('C', note);
    }
  }
}

/** Reads an ascending list in step with the entries. */
class Lookahead<T> {
  readonly #rows: AsyncIterator<T>;
  readonly #placeOf: (row: T) => bigint;
  #head: IteratorResult<T> | undefined;

  constructor(rows: AsyncIterable<T>, placeOf: (row: T) => bigint) {
    this.#rows = rows[Symbol.asyncIterator]();
    this.#placeOf = placeOf;
  }

  async *at(place: bigint): AsyncGenerator<T> {
    for (this.#head ??= await this.#rows.next(); !this.#head.done; this.#head = await this.#rows.next()) {
      const found = this.#placeOf(this.#head.value);
      if (found > place) return;
      if (found === place) yield this.#head.value;
    }
  }
}

/** Joins small records into pieces and hashes them. */
class Pieces {
  #parts: Buffer[] = [];
  bytes = 0;
  readonly #hash = createHash('sha256');

  add(part: Buffer): void {
    this.#parts.push(part);
    this.bytes += part.length;
  }

  take(): Buffer {
    const piece = Buffer.concat(this.#parts);
    this.#hash.update(piece);
    this.#parts = [];
    this.bytes = 0;
    return piece;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
