import type { Codec } from './codecs.ts';
import type { HostileMessage } from './kinds.ts';

/** A record batch as a producer sends it: the same bytes may be sent any number of times, to any partition. */
export interface PreparedBatch {
  readonly bytes: Buffer;
  readonly messages: number;
  /** Of values, or of the compressed records. */
  readonly size: number;
}

/** Bytes before the records. */
const HEAD_BYTES = 61;
const CRC_AT = 17;
/** A record's lengths and attributes, and two lengths a header; a length has at most 5 bytes. */
const RECORD_BYTES = 32;
const HEADER_BYTES = 10;

/** @param timeMs milliseconds since 1970, UTC */
export function prepareBatch(messages: readonly HostileMessage[], codec: Codec, timeMs: number): PreparedBatch {
  const records = Buffer.concat(messages.map(recordOf));
  const body = codec.compress(records);
  const bytes = Buffer.alloc(HEAD_BYTES + body.length);
  bytes.writeInt32BE(HEAD_BYTES - 12 + body.length, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(codec.type, 21);
  bytes.writeInt32BE(messages.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(timeMs), 27);
  bytes.writeBigInt64BE(BigInt(timeMs), 35);
  // No producer id, epoch or sequence: not idempotent.
  bytes.fill(0xff, 43, 57);
  bytes.writeInt32BE(messages.length, 57);
  body.copy(bytes, HEAD_BYTES);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_AT + 4)), CRC_AT);
  const values = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  return { bytes, messages: messages.length, size: body === records ? values : body.length };
}

type HeaderPair = readonly [Buffer, Buffer];

function headersOf({ headers }: HostileMessage): readonly HeaderPair[] {
  return Object.entries(headers).flatMap(([name, values]) =>
    [values ?? []].flat().map((value): HeaderPair => [Buffer.from(name), Buffer.from(value)]),
  );
}

function recordOf(message: HostileMessage, delta: number): Buffer {
  const headers = headersOf(message);
  const { key, value } = message;
  const size = headers.reduce((sum, [name, text]) => sum + HEADER_BYTES + name.length + text.length, 0);
  const bytes = Buffer.allocUnsafe(RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + size);
  let at = 0;
  const number = (signed: number): void => {
    let rest = signed < 0 ? -2 * signed - 1 : 2 * signed;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
    bytes[at++] = rest;
  };
  const sized = (part: Buffer | null): void => {
    number(part === null ? -1 : part.length);
    if (part !== null) at += part.copy(bytes, at);
  };
  bytes[at++] = 0;
  number(0);
  number(delta);
  sized(key);
  sized(value);
  number(headers.length);
  for (const [name, text] of headers) {
    sized(name);
    sized(text);
  }
  const body = bytes.subarray(0, at);
  const length = Buffer.alloc(5);
  let ends = 0;
  for (let rest = 2 * at; ; rest = Math.floor(rest / 128)) {
    length[ends++] = rest > 127 ? (rest % 128) | 128 : rest;
    if (rest <= 127) break;
  }
  return Buffer.concat([length.subarray(0, ends), body]);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** Castagnoli, as Kafka has it. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
