import type { RecantEvent } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import type { EntryAddress } from '@recant/planner';

export interface RecordedEvent {
  readonly entry: EntryAddress;
  /** Milliseconds since 1970, UTC. */
  readonly receivedAtMs: number;
  readonly keyId: string;
  readonly event: RecantEvent;
}

/** @param row an event's entry; bigints are text */
export function toRecordedEvent(row: { readonly shard: number; readonly idx: string; readonly frame: Buffer }): RecordedEvent {
  const frame = decodeFrame(row.frame);
  if (frame === undefined) throw new TypeError(`entry ${row.shard}/${row.idx}: invalid frame`);
  const event = JSON.parse(Buffer.from(frame.body).toString()) as RecantEvent;
  return { entry: { shard: row.shard, index: BigInt(row.idx) }, receivedAtMs: frame.receivedAtMs, keyId: frame.keyId, event };
}
