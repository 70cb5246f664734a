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
  /** Home shard of the sources. */
  readonly partition: number;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A batch (`joinBatch`), or the bytes of one event, signed with the API key. */
export function batchMessage(key: ApiKey, partition: number, batch: Uint8Array): OutgoingMessage {
  return { partition, value: batch, headers: signedHeaders(key, KIND_EVENTS, batch) };
}

/** A part referenced by an event; send it before the event, to the same partition. */
export function partMessage(key: ApiKey, partition: number, part: { digest: string; salt: string; bytes: Uint8Array }): OutgoingMessage {
  const headers = { ...signedHeaders(key, KIND_PART, part.bytes), [HEADER_PART]: part.digest, [HEADER_SALT]: part.salt };
  return { partition, value: part.bytes, headers };
}

function signedHeaders({ keyId, secret }: ApiKey, kind: string, value: Uint8Array): Record<string, string> {
  return { [HEADER_KEY]: keyId, [HEADER_KIND]: kind, [HEADER_MAC]: messageMac(macSecretOf(secret), kind, value) };
}
