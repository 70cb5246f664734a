import { createHash } from 'node:crypto';
import { canonicalize } from '@recant/events';
import type { Signer } from '@recant/ledger';
import { encodeRecord, encodeStatement, MAGIC, type RecordType } from '@recant/verifier';
import type { Draft, Item } from './draft.ts';

/** A record of a draft, not copied until the file is written. */
export interface DraftRecord {
  readonly type: RecordType;
  /** Stands in front of an entry's frame and of a message. */
  readonly index?: bigint;
  readonly payload: Buffer;
}

/** Type and length; index. */
const HEADER_BYTES = 5;
const INDEX_BYTES = 8;

/** All records but the statement. */
export function recordsOf({ manifest, keys, logs }: Draft): DraftRecord[] {
  const listed = logs.map(({ shard, shards, epoch, origin, from, size }) => {
    return { shard, shards, epoch, origin, from: String(from), size: String(size) };
  });
  const records: DraftRecord[] = [{ type: 'M', payload: Buffer.from(canonicalize({ ...manifest, logs: listed })) }];
  for (const key of keys) records.push({ type: 'K', payload: Buffer.from(key) });
  for (const { shard, items } of logs) {
    records.push({ type: 'L', payload: Buffer.from(`{"shard":${shard}}`) });
    for (const item of items) records.push(recordOf(item));
  }
  return records;
}

function recordOf(item: Item): DraftRecord {
  if (item.type === 'E') return { type: 'E', index: item.index, payload: item.frame };
  if (item.type === 'D') return { type: 'D', index: item.index, payload: item.bytes };
  return { type: item.type, payload: item.type === 'C' ? item.note : item.roots };
}

/** These records, and the statement of another file. */
export function naive(bytes: Buffer, records: readonly DraftRecord[]): Buffer {
  return write(records, bytes.subarray(statementAt(bytes)));
}

/** By whoever has the key: the statement is of these records, whatever they say. */
export async function seal(draft: Draft, signer: Signer): Promise<Buffer> {
  const records = recordsOf(draft);
  const body = write(records);
  const count = (type: RecordType) => records.filter((record) => record.type === type).length;
  // The kind stands behind the frame's version: 2 is a dead letter.
  const deadLetters = records.filter(({ type, payload }) => type === 'E' && payload[1] === 2).length;
  const counts = { logs: count('L'), entries: count('E'), deadLetters, checkpoints: count('C') };
  const { tenant = '', made = '' } = draft.manifest as Record<string, string>;
  const digest = createHash('sha256').update(body).digest('hex');
  const statement = await encodeStatement({ digest, tenant, made, counts }, signer);
  return Buffer.concat([body, encodeRecord('S', statement)]);
}

/** The last record's place: of all that begin so, the one that ends the file. */
export function statementAt(bytes: Buffer): number {
  for (let start = bytes.length - HEADER_BYTES; start >= 0; start -= 1) {
    if (bytes[start] === 0x53 && start + HEADER_BYTES + bytes.readUInt32BE(start + 1) === bytes.length) return start;
  }
  throw new RangeError('no statement ends this file');
}

/** Into one piece of memory: a bundle of 70,000 entries is made some hundred times. */
function write(records: readonly DraftRecord[], rest: Buffer = Buffer.alloc(0)): Buffer {
  let length = MAGIC.length + rest.length;
  for (const record of records) length += HEADER_BYTES + lengthOf(record);
  const file = Buffer.allocUnsafe(length);
  let at = MAGIC.copy(file);
  for (const record of records) {
    file[at] = record.type.charCodeAt(0);
    at = file.writeUInt32BE(lengthOf(record), at + 1);
    if (record.index !== undefined) at = file.writeBigUInt64BE(record.index, at);
    at += record.payload.copy(file, at);
  }
  rest.copy(file, at);
  return file;
}

function lengthOf({ index, payload }: DraftRecord): number {
  return payload.length + (index === undefined ? 0 : INDEX_BYTES);
}
