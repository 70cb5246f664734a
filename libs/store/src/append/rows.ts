import { checkFrameSize } from '@recant/ledger';
import { HASH_BYTES, leafHashInPlace } from '@recant/transparency';
import type { Copy } from '../copy/copy-in.ts';
import { CopyWriter } from '../copy/copy-writer.ts';
import type { DeadItem } from './item.ts';
import type { Place } from './place.ts';

const COPY_ENTRY = 'COPY recant.entry (tenant_id, shard, idx, source_no, event_id, sequence, leaf, frame) FROM STDIN (FORMAT binary)';
const COPY_DEAD_LETTER =
  'COPY recant.dead_letter (tenant_id, shard, idx, code, detail, origin, key_id, digest, bytes, received_at) FROM STDIN (FORMAT binary)';

interface EventKey {
  readonly sourceNo: number;
  readonly eventId: string;
  readonly sequence: number;
}

/** All rows of one transaction, for one COPY per table. */
export class Rows {
  readonly #entry: CopyWriter;
  readonly #deadLetter = new CopyWriter();

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
      { statement: COPY_DEAD_LETTER, rows: this.#deadLetter },
    ];
  }
}
