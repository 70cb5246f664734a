import { createHash } from 'node:crypto';
import { canonicalize } from '@recant/events';
import type { Signer } from '@recant/ledger';
import { encodeRecord, encodeStatement, MAGIC, type RecordType } from '@recant/verifier';
import type { Draft, Item } from './draft.ts';

/** A record of a draft; its payload is copied only when the file is written. */
export interface DraftRecord {
  readonly type: RecordType;
  /** Precedes an entry's frame and a message. */
  readonly index?: bigint;
  readonly payload: Buffer;
}

/** Type and length; index. */
const HEADER_BYTES = 5;
const INDEX_BYTES = 8;
const STATEMENT_BYTES_MAX = 4_096;

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

/** A file of these records with the statement of another file. */
export function withRecords(bytes: Buffer, records: readonly DraftRecord[]): Buffer {
  const statement = bytes.subarray(statementAt(bytes));
  const { file, end } = write(records, statement.length);
  statement.copy(file, end);
  return file;
}

/** A file of the draft's records with a valid statement, as somebody with the key can sign it. */
export async function sign(draft: Draft, signer: Signer): Promise<Buffer> {
  const records = recordsOf(draft);
  const { file, end } = write(records, STATEMENT_BYTES_MAX);
  const digest = createHash('sha256').update(file.subarray(0, end)).digest('hex');
  const { tenant = '', made = '' } = draft.manifest as Record<string, string>;
  const statement = encodeRecord('S', await encodeStatement({ digest, tenant, made, counts: countRecords(records) }, signer));
  if (statement.copy(file, end) < statement.length) throw new RangeError(`a statement of ${statement.length} bytes`);
  return file.subarray(0, end + statement.length);
}

function countRecords(records: readonly DraftRecord[]): Parameters<typeof encodeStatement>[0]['counts'] {
  const counts = { logs: 0, entries: 0, deadLetters: 0, checkpoints: 0 };
  for (const { type, payload } of records) {
    if (type === 'L') counts.logs += 1;
    else if (type === 'C') counts.checkpoints += 1;
    else if (type === 'E') {
      counts.entries += 1;
      // Byte 1, after the frame's version, is the kind: 2 is a dead letter.
      if (payload[1] === 2) counts.deadLetters += 1;
    }
  }
  return counts;
}

/** Offset of the statement: the `S` record that ends the file. */
export function statementAt(bytes: Buffer): number {
  for (let start = bytes.length - HEADER_BYTES; start >= 0; start -= 1) {
    if (bytes[start] === 0x53 && start + HEADER_BYTES + bytes.readUInt32BE(start + 1) === bytes.length) return start;
  }
  throw new RangeError('the file does not end with a statement');
}

/** Writes into one buffer with room for a statement, because a bundle of 70,000 entries is made some hundred times. */
function write(records: readonly DraftRecord[], room: number): { readonly file: Buffer; readonly end: number } {
  let length = MAGIC.length + room;
  for (const record of records) length += HEADER_BYTES + lengthOf(record);
  const file = Buffer.allocUnsafe(length);
  let end = MAGIC.copy(file);
  for (const record of records) {
    file[end] = record.type.charCodeAt(0);
    end = file.writeUInt32BE(lengthOf(record), end + 1);
    if (record.index !== undefined) end = file.writeBigUInt64BE(record.index, end);
    end += record.payload.copy(file, end);
  }
  return { file, end };
}

function lengthOf({ index, payload }: DraftRecord): number {
  return payload.length + (index === undefined ? 0 : INDEX_BYTES);
}
