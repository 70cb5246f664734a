import {
  type ApiKey,
  HEADER_KEY,
  HEADER_KIND,
  HEADER_MAC,
  HEADER_PART,
  HEADER_SALT,
  KIND_EVENTS,
  KIND_PART,
  macSecretOf,
  messageMac,
} from '@recant/events';
import type { IHeaders } from 'kafkajs';
import { CODECS, type Codec, isBomb } from './codecs.ts';

/** What a kind is made of. Pure: the same seed makes the same messages. */
export interface Kind {
  readonly n: number;
  readonly name: string;
  readonly body: Body;
  readonly envelope: Envelope;
  readonly codec: Codec;
  /** Bytes of a value whose length is free. */
  readonly size: number;
  /** Messages in one batch: how fast it comes. */
  readonly messages: number;
  readonly recordKey: 'none' | 'empty' | 'text' | 'long';
}

export const BODIES = ['empty', 'null', 'random', 'not UTF-8', 'cut', 'nested', 'duplicate keys', 'no event', 'forged', 'event'] as const;
type Body = (typeof BODIES)[number];
export const ENVELOPES = [
  'bare',
  'key without MAC',
  'unknown key',
  'wrong MAC',
  'signed',
  'wrong part',
  'unknown part kind',
  'many headers',
  'large headers',
  'ended key',
] as const;
type Envelope = (typeof ENVELOPES)[number];

const { none, gzip, zstd, snappy, lz4, gzipBomb, zstdBomb, snappyClaim, notGzip } = CODECS;
const CODEC_TURN = [none, gzip, none, snappy, zstd, none, lz4, gzipBomb, none, gzip, zstdBomb, none, lz4, notGzip, zstd, none, snappyClaim];
const SIZE_TURN = [100, 1_000, 10_000, 3, 100_000, 1_000, 20_000];
const LARGEST = 900_000;
const LARGEST_KINDS = [22, 57];
/** Small messages come in batches, large ones alone. */
const MANY_BYTES_MAX = 10_000;
const MANY_TURN = [20, 1, 12];
const RECORD_KEYS = ['none', 'empty', 'text', 'long'] as const;

/** Every body in every envelope, with codecs, sizes, keys and rates that rotate at different paces. */
export const KINDS: readonly Kind[] = Array.from({ length: BODIES.length * ENVELOPES.length }, (_, n) => {
  const [body, envelope] = [BODIES[n % BODIES.length] as Body, ENVELOPES[Math.floor(n / BODIES.length)] as Envelope];
  const codec = CODEC_TURN[n % CODEC_TURN.length] as Codec;
  const size = LARGEST_KINDS.includes(n) ? LARGEST : (SIZE_TURN[n % SIZE_TURN.length] as number);
  const messages = isBomb(codec) || size > MANY_BYTES_MAX ? 1 : (MANY_TURN[n % MANY_TURN.length] as number);
  const recordKey = RECORD_KEYS[(n + Math.floor(n / 10)) % RECORD_KEYS.length] as Kind['recordKey'];
  return { n, name: `${body}, ${envelope}, ${codec.name}, ${size} bytes × ${messages}`, body, envelope, codec, size, messages, recordKey };
});

export interface HostileKeys {
  /** Of the hostile tenant. */
  readonly own: ApiKey;
  /** Of the hostile tenant, revoked. */
  readonly ended: ApiKey;
  /** Known from any message of an honest tenant; its secret is not. */
  readonly honestKeyId: string;
}

export interface HostileMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
}

/** @param event bytes of the next event of the hostile tenant @param forged bytes of an event of an honest one */
export function messageOf(
  { body, envelope, size, recordKey }: Kind,
  keys: HostileKeys,
  bytes: (size: number) => Buffer,
  event: () => Buffer,
  forged: () => Buffer,
): HostileMessage {
  const value = bodyOf(body, size, bytes, event, forged);
  const key = { none: null, empty: Buffer.alloc(0), text: Buffer.from('a key'), long: bytes(1_000) }[recordKey];
  return { key, value, headers: headersOf(envelope, keys, value ?? Buffer.alloc(0), bytes) };
}

function bodyOf(body: Body, size: number, bytes: (size: number) => Buffer, event: () => Buffer, forged: () => Buffer): Buffer | null {
  const filler = (): string => bytes(Math.ceil(size / 2)).toString('hex');
  switch (body) {
    case 'empty':
      return Buffer.alloc(0);
    case 'null':
      return null;
    case 'random':
      return bytes(size);
    case 'not UTF-8':
      return Buffer.concat([Buffer.from('{"id":"'), bytes(size), Buffer.from([0xff, 0xfe, 0x22, 0x7d])]);
    case 'cut':
      return Buffer.from(`{"specversion":"1.0","id":"${filler()}`);
    case 'nested':
      return Buffer.from('['.repeat(size));
    case 'duplicate keys':
      return Buffer.from(`{"id":"${filler()}","id":"b","\\u0069d":1e400}`);
    case 'no event':
      return Buffer.from(`{"hello":"${filler()}"}`);
    case 'forged':
      return forged();
    case 'event':
      return event();
  }
}

/** The body and the envelope of a message that the ledger records. */
export const isRecorded = ({ body, envelope }: Kind): boolean =>
  body === 'event' && ['signed', 'many headers', 'large headers'].includes(envelope);

function headersOf(envelope: Envelope, keys: HostileKeys, value: Buffer, bytes: (size: number) => Buffer): IHeaders {
  const signedBy = ({ keyId, secret }: ApiKey, kind = KIND_EVENTS): IHeaders => ({
    [HEADER_KEY]: keyId,
    [HEADER_KIND]: kind,
    [HEADER_MAC]: messageMac(macSecretOf(secret), kind, value),
  });
  const own = (): IHeaders => signedBy(keys.own);
  const wrong = (): string => bytes(32).toString('base64url');
  switch (envelope) {
    case 'bare':
      return {};
    case 'key without MAC':
      return { [HEADER_KEY]: keys.honestKeyId };
    case 'unknown key':
      return { [HEADER_KEY]: 'nobody00', [HEADER_KIND]: KIND_EVENTS, [HEADER_MAC]: wrong() };
    case 'wrong MAC':
      return { [HEADER_KEY]: keys.honestKeyId, [HEADER_KIND]: KIND_EVENTS, [HEADER_MAC]: wrong() };
    case 'signed':
      return own();
    case 'wrong part':
      return {
        ...signedBy(keys.own, KIND_PART),
        [HEADER_PART]: bytes(32).toString('hex'),
        [HEADER_SALT]: bytes(16).toString('base64url'),
      };
    case 'unknown part kind':
      return { ...own(), [HEADER_KIND]: bytes(40) };
    case 'many headers':
      return { ...own(), ...Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`header-${n}`, `${n}`])) };
    case 'large headers':
      return { ...own(), [`x${'y'.repeat(500)}`]: 'z', large: bytes(20_000), twice: ['a', 'b'] };
    case 'ended key':
      return signedBy(keys.ended);
  }
}
