import { hash } from 'node:crypto';
import { BATCH_BYTES_MAX } from '@recant/events';
import { BatchError, type BatchFault } from './codecs/batch-error.ts';
import { CODECS, decompress } from './codecs/decompress.ts';
import { decodeRecords } from './records.ts';

/** Bytes of one batch, compressed and decompressed. */
export const RECORD_BATCH_BYTES_MAX = BATCH_BYTES_MAX;
/** Decompressed bytes, and records, after which the rest of one fetch is left for the next: bounds memory. */
const SET_BYTES_MAX = BATCH_BYTES_MAX;
const SET_RECORDS_MAX = 20_000;
/** Batches over the limit that one fetch decompresses up to it: bounds the delay of other partitions. One alone would have everything after it fetched again. */
const SET_BOMBS_MAX = 8;
/** Bytes of an undecodable batch that its dead letter keeps, header included. */
const PREFIX_BYTES = 4_096;

/** Offset of the first record, and the bytes after these two fields. */
const LENGTH_AT = 8;
const BODY_AT = 12;
const MAGIC_AT = 16;
const HEADER_BYTES = 61;
const MAGIC = 2;
const CODEC_MASK = 0x07;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** A batch that the ledger cannot read: all its messages are one dead letter. */
export interface Undecodable {
  /** Offsets of the batch, inclusive. */
  readonly first: bigint;
  readonly last: bigint;
  readonly fault: BatchFault;
  readonly reason: string;
  /** Bytes of the batch as the broker stores it. */
  readonly size: number;
  /** Lower-case hex SHA-256 of these bytes. */
  readonly digest: string;
}

/** One record in the shape that kafkajs passes on; `undecodable` stands for a whole batch, with the start of the batch as its value. */
export interface FetchedRecord {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
  readonly timestamp: string;
  readonly attributes: number;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
  readonly undecodable?: Undecodable;
}

/**
 * Decodes the batches of one partition in a fetch. No content makes it reject: a batch that cannot be decoded becomes one record. Every offset of a
 * decoded batch is covered, because a record at its last offset is added where compaction removed it. An incomplete last batch is left for the next fetch.
 */
export async function decodeRecordSet(set: Buffer): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = [];
  let bytes = 0;
  let bombs = 0;
  const isFull = (): boolean => bytes >= SET_BYTES_MAX || records.length >= SET_RECORDS_MAX || bombs >= SET_BOMBS_MAX;
  for (let at = 0; at + HEADER_BYTES <= set.length && !isFull(); ) {
    const length = set.readInt32BE(at + LENGTH_AT);
    const end = at + BODY_AT + length;
    if (length <= MAGIC_AT - BODY_AT || end > set.length) break;
    const decoded = await decodeBatch(set.subarray(at, end));
    bytes += decoded.bytes;
    bombs += decoded.isBomb ? 1 : 0;
    for (const record of decoded.records) records.push(record);
    at = end;
  }
  return records;
}

interface DecodedBatch {
  readonly records: readonly FetchedRecord[];
  /** Decompressed bytes that the records keep. */
  readonly bytes: number;
  /** Decompressed up to the limit, and dropped. */
  readonly isBomb: boolean;
}

async function decodeBatch(batch: Buffer): Promise<DecodedBatch> {
  const first = batch.readBigInt64BE(0);
  // An old message set has one message, or one wrapper with the offset of its last message.
  if (batch[MAGIC_AT] !== MAGIC || batch.length < HEADER_BYTES)
    return refuse(
      batch,
      first,
      first,
      new BatchError('corrupt', `message format ${batch[MAGIC_AT]}, expected ${MAGIC} (Kafka 0.11 or newer)`),
    );
  const attributes = batch.readInt16BE(21);
  const last = first + BigInt(Math.max(0, batch.readInt32BE(23)));
  try {
    if (batch.length > RECORD_BATCH_BYTES_MAX) throw new BatchError('too_large', `${batch.length} bytes, over ${RECORD_BATCH_BYTES_MAX}`);
    const codec = CODECS[attributes & CODEC_MASK];
    if (codec === undefined) throw new BatchError('corrupt', `unknown compression ${attributes & CODEC_MASK}`);
    const body = batch.subarray(HEADER_BYTES);
    const plain = await decompress(codec, body, RECORD_BATCH_BYTES_MAX);
    const isControlRecord = (attributes & CONTROL) !== 0;
    const context = { timestamp: batch.readBigInt64BE(27).toString(), attributes, batchContext: contextOf(batch) };
    const records: FetchedRecord[] = decodeRecords(plain, { count: batch.readInt32BE(57), first, last }).map((record) => ({
      ...record,
      ...context,
      isControlRecord,
    }));
    if (records.at(-1)?.offset !== last.toString())
      records.push({ offset: last.toString(), key: null, value: null, headers: {}, ...context, isControlRecord: true });
    return { records, bytes: plain === body ? 0 : plain.length, isBomb: false };
  } catch (error) {
    if (!(error instanceof BatchError)) throw error;
    return refuse(batch, first, last, error);
  }
}

function contextOf(batch: Buffer): FetchedRecord['batchContext'] {
  return { producerId: batch.readBigInt64BE(43).toString(), inTransaction: (batch.readInt16BE(21) & TRANSACTIONAL) !== 0 };
}

function refuse(batch: Buffer, first: bigint, last: bigint, { fault, message }: BatchError): DecodedBatch {
  const record: FetchedRecord = {
    offset: last.toString(),
    key: null,
    // A copy: a view would keep the whole fetch in memory.
    value: Buffer.from(batch.subarray(0, PREFIX_BYTES)),
    headers: {},
    timestamp: '0',
    attributes: 0,
    isControlRecord: false,
    batchContext: batch.length < HEADER_BYTES ? { producerId: '-1', inTransaction: false } : contextOf(batch),
    undecodable: { first, last, fault, reason: message, size: batch.length, digest: hash('sha256', batch) },
  };
  const isCompressed = batch.length > HEADER_BYTES && (batch.readInt16BE(21) & CODEC_MASK) !== 0;
  return { records: [record], bytes: 0, isBomb: fault === 'too_large' && isCompressed };
}
