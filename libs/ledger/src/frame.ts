import { canonicalize, FRAME_BYTES_MAX, TENANT_BYTES_MAX } from '@recant/events';
import type { RefusalCode } from './ports.ts';

/**
 * An entry's bytes, version 1 (big-endian):
 * uint8 version = 1 | uint8 kind | uint8 length, tenant | uint8 length, key id | uint64 receivedAt (ms since 1970, UTC) | the rest is the body.
 * The leaf of the log is the RFC 6962 leaf hash of exactly these bytes. They are never rewritten.
 */
const FRAME_VERSION = 1;

export type FrameKind = 'genesis' | 'event' | 'dead_letter' | 'epoch';
const KINDS: readonly FrameKind[] = ['genesis', 'event', 'dead_letter', 'epoch'];

export interface Frame {
  readonly kind: FrameKind;
  readonly tenant: string;
  /** Key of the sender; empty for genesis and for an unidentified sender; for an epoch, the id of the person who opened it. */
  readonly keyId: string;
  /** Milliseconds since 1970, UTC; never falls within a log. */
  readonly receivedAtMs: number;
  /** The event as received, or canonical JSON of the genesis, of the dead letter's description or of the epoch's statement. */
  readonly body: Uint8Array;
}

/** @throws RangeError where the frame is too large; the ledger limits events and names before it frames them. */
export function encodeFrame(frame: Frame): Buffer {
  const head = encodeFrameHead(frame);
  checkFrameSize(head.length + frame.body.length);
  return Buffer.concat([head, frame.body]);
}

/** The bytes before the body: equal for all messages of one key at one time. @throws RangeError where a name is too long. */
export function encodeFrameHead({ kind, tenant, keyId, receivedAtMs }: Omit<Frame, 'body'>): Buffer {
  const tenantBytes = Buffer.byteLength(tenant);
  const keyBytes = Buffer.byteLength(keyId);
  if (tenantBytes < 1 || tenantBytes > TENANT_BYTES_MAX || keyBytes > TENANT_BYTES_MAX)
    throw new RangeError('tenant or key id too long for a frame');
  const bytes = Buffer.allocUnsafe(12 + tenantBytes + keyBytes);
  bytes[0] = FRAME_VERSION;
  bytes[1] = KINDS.indexOf(kind);
  bytes[2] = tenantBytes;
  bytes.write(tenant, 3);
  bytes[3 + tenantBytes] = keyBytes;
  bytes.write(keyId, 4 + tenantBytes);
  const at = 4 + tenantBytes + keyBytes;
  bytes.writeUIntBE(Math.floor(receivedAtMs / 2 ** 32), at, 4);
  bytes.writeUInt32BE(receivedAtMs % 2 ** 32, at + 4);
  return bytes;
}

/** @throws RangeError */
export function checkFrameSize(size: number): void {
  if (size > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${size} bytes is over ${FRAME_BYTES_MAX}`);
}

/** The frame, or undefined where the bytes are not a frame. Every byte is checked, so one frame has one encoding. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < 12 || buffer.length > FRAME_BYTES_MAX || buffer[0] !== FRAME_VERSION) return undefined;
  const kind = KINDS[buffer[1] as number];
  const keyAt = 4 + (buffer[2] as number);
  const timeAt = keyAt + (buffer[keyAt - 1] ?? 256);
  if (kind === undefined || buffer[2] === 0 || timeAt + 8 > buffer.length) return undefined;
  return {
    kind,
    tenant: buffer.toString('utf8', 3, keyAt - 1),
    keyId: buffer.toString('utf8', keyAt, timeAt),
    receivedAtMs: buffer.readUInt32BE(timeAt) * 2 ** 32 + buffer.readUInt32BE(timeAt + 4),
    body: buffer.subarray(timeAt + 8),
  };
}

export interface Genesis {
  readonly epoch: number;
  readonly shard: number;
  readonly shards: number;
  readonly tenant: string;
}

/** Body of entry 0 of every log: identity of the log, and the number of shards during the epoch. */
export function genesisBody(genesis: Genesis): Uint8Array {
  const { epoch, shard, shards, tenant } = genesis;
  return Buffer.from(canonicalize({ epoch, shard, shards, tenant }));
}

export interface DeadLetterDescription {
  readonly code: RefusalCode;
  readonly detail: string;
  /** Lower-case hex SHA-256 of the message. */
  readonly digest: string;
  readonly origin: string;
  /** Bytes of the message. */
  readonly size: number;
}

/** Body of a dead letter's entry. The message itself is stored outside the log. */
export function deadLetterBody(letter: DeadLetterDescription): Uint8Array {
  const { code, detail, digest, origin, size } = letter;
  return Buffer.from(canonicalize({ code, detail, digest, origin, size }));
}
