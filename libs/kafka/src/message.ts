import {
  type ApiKey,
  eventMac,
  HEADER_KEY,
  HEADER_KIND,
  HEADER_MAC,
  HEADER_PART,
  HEADER_SALT,
  MEDIA_TYPE_EVENT,
  macSecretOf,
} from '@recant/events';
import type { Undecodable } from './record-set.ts';

/** One message as received. Headers are untrusted; only the broker limits their size. */
export interface ReceivedMessage {
  readonly offset: bigint;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** Set for a batch that cannot be decoded: this message stands for all of it, `offset` is its last one, `value` its start. */
  readonly undecodable?: Undecodable;
}

export interface OutgoingMessage {
  /** Home shard of the source. */
  readonly partition: number;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** An event, signed with the API key. */
export function eventMessage(key: ApiKey, partition: number, bytes: Uint8Array): OutgoingMessage {
  return { partition, value: bytes, headers: { ...signature(key, bytes), 'content-type': MEDIA_TYPE_EVENT } };
}

/** A part referenced by an event; send it before the event, to the same partition. */
export function partMessage(key: ApiKey, partition: number, part: { digest: string; salt: string; bytes: Uint8Array }): OutgoingMessage {
  const headers = { [HEADER_KIND]: 'part', [HEADER_PART]: part.digest, [HEADER_SALT]: part.salt };
  return { partition, value: part.bytes, headers: { ...signature(key, part.bytes), ...headers } };
}

function signature(key: ApiKey, bytes: Uint8Array): Record<string, string> {
  return { [HEADER_KEY]: key.keyId, [HEADER_MAC]: eventMac(macSecretOf(key.secret), bytes) };
}
