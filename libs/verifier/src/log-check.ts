import { decodeFrame, type Frame, genesisBody } from '@recant/ledger';
import { Frontier, leafHash } from '@recant/transparency';
import type { StoredEntry, StoredHead } from './ports.ts';
import type { Report } from './violation.ts';

/** Recomputes one log, entry by entry, and compares it with its head at the end. */
export class LogCheck {
  readonly #frontier = Frontier.empty();
  #receivedAtMs = 0;
  readonly #tenant: string;
  readonly #head: StoredHead;
  readonly #report: Report;

  constructor(tenant: string, head: StoredHead, report: Report) {
    this.#tenant = tenant;
    this.#head = head;
    this.#report = report;
  }

  /** @returns the frame, where it is one of this log. */
  entry({ index, shard, leaf, frame: bytes }: StoredEntry): Frame | undefined {
    if (index !== this.#frontier.size) this.#report({ code: 'index_gap', shard, index, detail: `expected ${this.#frontier.size}` });
    const hash = leafHash(bytes);
    if (!hash.equals(leaf)) this.#report({ code: 'leaf_mismatch', shard, index, detail: 'the leaf is not the hash of the frame' });
    this.#frontier.append([hash]);
    const frame = decodeFrame(bytes);
    if (frame === undefined) {
      this.#report({ code: 'frame_invalid', shard, index, detail: 'these bytes are no frame' });
      return undefined;
    }
    this.#checkFrame(frame, index);
    return frame.tenant === this.#tenant ? frame : undefined;
  }

  #checkFrame(frame: Frame, index: bigint): void {
    const { shard, shards, epoch } = this.#head;
    if (frame.tenant !== this.#tenant)
      this.#report({ code: 'frame_foreign', shard, index, detail: `the frame is of tenant ${frame.tenant}` });
    if (frame.receivedAtMs < this.#receivedAtMs) {
      this.#report({ code: 'received_at_falls', shard, index, detail: `${frame.receivedAtMs} after ${this.#receivedAtMs}` });
    }
    this.#receivedAtMs = Math.max(this.#receivedAtMs, frame.receivedAtMs);
    if ((frame.kind === 'genesis') !== (index === 0n)) {
      this.#report({ code: index === 0n ? 'genesis_missing' : 'genesis_misplaced', shard, index, detail: `a ${frame.kind} stands here` });
    } else if (index === 0n && Buffer.compare(frame.body, genesisBody({ epoch, shard, shards, tenant: this.#tenant })) !== 0) {
      this.#report({ code: 'genesis_missing', shard, index, detail: 'the first entry describes another log' });
    }
  }

  finish(): void {
    const { shard, size, root, frontier, receivedAtLastMs } = this.#head;
    const differs = (what: string, stored: string, recomputed: string) => {
      if (stored !== recomputed)
        this.#report({ code: 'head_mismatch', shard, detail: `${what} is ${stored}, the entries give ${recomputed}` });
    };
    differs('size', String(size), String(this.#frontier.size));
    differs('root', Buffer.from(root).toString('hex'), this.#frontier.root().toString('hex'));
    differs('frontier', Buffer.from(frontier).toString('hex'), this.#frontier.serialize().toString('hex'));
    differs('receivedAt', String(receivedAtLastMs), String(this.#receivedAtMs));
  }
}
