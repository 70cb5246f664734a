import { decodeFrame, type Frame, genesisBody } from '@recant/ledger';
import { Frontier, leafHash } from '@recant/transparency';
import { readEpoch } from './epoch.ts';
import type { Report } from './violation.ts';

export interface LogFacts {
  readonly shard: number;
  readonly shards: number;
  /** Index of the first entry that is looked at, and the right edge of the tree before it. */
  readonly from: bigint;
  readonly start: Uint8Array;
}

/** Recomputes one log, entry by entry: numbering, frames, time, genesis, epochs and the tree. */
export class LogCheck {
  readonly #frontier: Frontier;
  readonly #tenant: string;
  readonly #log: LogFacts;
  readonly #report: Report;
  #receivedAtMs = 0;
  #rootBefore: Buffer = Buffer.alloc(0);
  /** Unknown until a checkpoint or an epoch's first entry says so, where the log's beginning is not here. */
  #epoch: number | undefined;

  /** @throws RangeError where `start` is not the right edge of `from` leaves. */
  constructor(tenant: string, log: LogFacts, report: Report) {
    this.#tenant = tenant;
    this.#log = log;
    this.#report = report;
    this.#frontier = Frontier.parse(log.from, log.start);
    this.#epoch = log.from === 0n ? 1 : undefined;
  }

  /** Entries of the tree so far. */
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

  /** The log's epoch as its first checkpoint here says. */
  adoptEpoch(epoch: number): void {
    this.#epoch ??= epoch;
  }

  /** @param stored its leaf hash, where one is kept beside it. @returns the frame, where it is one of this log. */
  entry(index: bigint, bytes: Uint8Array, stored?: Uint8Array): Frame | undefined {
    const { shard } = this.#log;
    if (index !== this.size) this.#report({ code: 'index_gap', shard, index, detail: `entry ${this.size} is expected here` });
    const frame = decodeFrame(bytes);
    if (frame?.kind === 'epoch') this.#rootBefore = this.#frontier.root();
    const leaf = leafHash(bytes);
    this.#frontier.append([leaf]);
    if (frame === undefined) {
      this.#report({ code: 'frame_invalid', shard, index, detail: 'these bytes are no frame' });
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
      this.#report({ code: 'frame_tenant_mismatch', shard, index, detail: `the frame is of tenant ${JSON.stringify(frame.tenant)}` });
    }
    if (frame.receivedAtMs < this.#receivedAtMs) {
      const detail = `received ${frame.receivedAtMs} ms after 1970, the entry before it ${this.#receivedAtMs}`;
      this.#report({ code: 'received_at_falls', shard, index, detail });
    }
    this.#receivedAtMs = Math.max(this.#receivedAtMs, frame.receivedAtMs);
    if ((frame.kind === 'genesis') !== (index === 0n)) {
      this.#report({ code: index === 0n ? 'genesis_missing' : 'genesis_misplaced', shard, index, detail: `a ${frame.kind} stands here` });
    } else if (index === 0n) this.#checkGenesis(frame);
    else if (frame.kind === 'epoch') this.#checkEpoch(frame, index);
  }

  /** The root before an entry is known only before it is appended. */
  #checkEpoch({ body }: Frame, index: bigint): void {
    const { shard, shards } = this.#log;
    const epoch = readEpoch(body, { tenant: this.#tenant, shard, shards, start: Number(index), root: this.#rootBefore.toString('hex') });
    if (epoch === undefined || epoch <= (this.#epoch ?? 1)) {
      const detail = `after epoch ${this.#epoch ?? 'unknown'} this entry opens ${epoch ?? 'none: it does not say what stands before it'}`;
      this.#report({ code: 'epoch_invalid', shard, index, detail });
      return;
    }
    this.#epoch = epoch;
  }

  #checkGenesis({ body }: Frame): void {
    const { shard, shards } = this.#log;
    if (Buffer.compare(body, genesisBody({ epoch: 1, shard, shards, tenant: this.#tenant })) !== 0) {
      this.#report({ code: 'genesis_missing', shard, index: 0n, detail: 'the first entry describes another log' });
    }
  }
}
