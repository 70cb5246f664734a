import { decodeFrame, type Frame, genesisBody } from '@recant/ledger';
import { Frontier, leafHash } from '@recant/transparency';
import { readEpoch } from './epoch.ts';
import type { Report } from './violation.ts';

export interface LogFacts {
  readonly shard: number;
  readonly shards: number;
  /** Index of the first verified entry. */
  readonly from: bigint;
  /** Frontier of the tree before `from`. */
  readonly start: Uint8Array;
}

/** Verifies one log, entry by entry: numbering, frames, time, genesis, epochs and the tree. */
export class LogCheck {
  readonly #frontier: Frontier;
  readonly #tenant: string;
  readonly #log: LogFacts;
  readonly #report: Report;
  #receivedAtMs = 0;
  #rootBefore: Buffer = Buffer.alloc(0);
  /** Where the first entries are not here: undefined until a checkpoint or an epoch entry states it. */
  #epoch: number | undefined;

  /** @throws RangeError where `start` is not the frontier of `from` leaves. */
  constructor(tenant: string, log: LogFacts, report: Report) {
    this.#tenant = tenant;
    this.#log = log;
    this.#report = report;
    this.#frontier = Frontier.parse(log.from, log.start);
    this.#epoch = log.from === 0n ? 1 : undefined;
  }

  /** Entries in the tree so far. */
  get size(): bigint {
    return this.#frontier.size;
  }
  get epoch(): number | undefined {
    return this.#epoch;
  }
  get receivedAtMs(): number {
    return this.#receivedAtMs;
  }
  root(): Buffer {
    return this.#frontier.root();
  }
  frontier(): Buffer {
    return this.#frontier.serialize();
  }

  /** Sets the epoch from the first checkpoint, where it is unknown. */
  adoptEpoch(epoch: number): void {
    this.#epoch ??= epoch;
  }

  /** @param stored the stored leaf hash, if any. @returns the frame, where it belongs to this tenant. */
  entry(index: bigint, bytes: Uint8Array, stored?: Uint8Array): Frame | undefined {
    const { shard } = this.#log;
    if (index !== this.size) this.#report({ code: 'index_gap', shard, index, detail: `expected entry ${this.size}, got ${index}` });
    const frame = decodeFrame(bytes);
    if (frame?.kind === 'epoch') this.#rootBefore = this.#frontier.root();
    const leaf = leafHash(bytes);
    this.#frontier.append([leaf]);
    if (frame === undefined) {
      this.#report({ code: 'frame_invalid', shard, index, detail: 'the bytes are not a frame' });
      return undefined;
    }
    this.#checkFrame(frame, index);
    if (stored !== undefined && !leaf.equals(stored)) {
      this.#report({ code: 'leaf_mismatch', shard, index, detail: 'the stored leaf is not the hash of the frame' });
    }
    return frame.tenant === this.#tenant ? frame : undefined;
  }

  #checkFrame(frame: Frame, index: bigint): void {
    const { shard } = this.#log;
    if (frame.tenant !== this.#tenant) {
      this.#report({
        code: 'frame_tenant_mismatch',
        shard,
        index,
        detail: `expected tenant ${JSON.stringify(this.#tenant)}, got ${JSON.stringify(frame.tenant)}`,
      });
    }
    if (frame.receivedAtMs < this.#receivedAtMs) {
      const detail = `expected receivedAt of at least ${this.#receivedAtMs} ms, got ${frame.receivedAtMs} ms`;
      this.#report({ code: 'received_at_falls', shard, index, detail });
    }
    this.#receivedAtMs = Math.max(this.#receivedAtMs, frame.receivedAtMs);
    if ((frame.kind === 'genesis') !== (index === 0n)) {
      this.#report({
        code: index === 0n ? 'genesis_missing' : 'genesis_misplaced',
        shard,
        index,
        detail: `expected ${index === 0n ? 'a genesis entry' : 'an entry that is not a genesis'}, got ${frame.kind}`,
      });
    } else if (index === 0n) this.#checkGenesis(frame);
    else if (frame.kind === 'epoch') this.#checkEpoch(frame, index);
  }

  /** Uses `#rootBefore`, taken before the entry was appended. */
  #checkEpoch({ body }: Frame, index: bigint): void {
    const { shard, shards } = this.#log;
    const epoch = readEpoch(body, { tenant: this.#tenant, shard, shards, start: Number(index), root: this.#rootBefore.toString('hex') });
    if (epoch === undefined || epoch <= (this.#epoch ?? 1)) {
      const detail =
        epoch === undefined
          ? 'the entry does not match the log before it'
          : `expected an epoch after ${this.#epoch ?? 'unknown'}, got ${epoch}`;
      this.#report({ code: 'epoch_invalid', shard, index, detail });
      return;
    }
    this.#epoch = epoch;
  }

  #checkGenesis({ body }: Frame): void {
    const { shard, shards } = this.#log;
    if (Buffer.compare(body, genesisBody({ epoch: 1, shard, shards, tenant: this.#tenant })) !== 0) {
      this.#report({ code: 'genesis_missing', shard, index: 0n, detail: 'the genesis entry describes another log' });
    }
  }
}
