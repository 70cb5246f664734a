import { timingSafeEqual } from 'node:crypto';
import { HEADER_KEY, HEADER_KIND, HEADER_MAC, isMessageKind, messageMac } from '@recant/events';
import { RECORD_BATCH_BYTES_MAX, type ReceivedMessage, type Undecodable } from '@recant/kafka';
import type { Credential, Refusal } from '@recant/ledger';
import type { EndedKey, Keyring, KnownKey } from '@recant/service';
import type { Topics } from './topics.ts';

export type Sender =
  /** `kind` is authentic. `refused`: nothing of this sender is accepted. */
  | { readonly credential: Credential; readonly kind: string; readonly refused?: Refusal }
  /** Unknown: the dead letter goes to the operator's tenant. */
  | { readonly credential: undefined; readonly refused: Refusal };

export type Keys = ReadonlyMap<string, KnownKey | EndedKey | undefined>;

const KEY_ID = /^[a-z0-9]{4,32}$/;

/** Looks up each key once per batch: a look-up per message would cost an event-loop turn each. */
export async function findKeys(messages: readonly ReceivedMessage[], keyring: Keyring): Promise<Keys> {
  const named = new Set(messages.map(({ headers }) => headers[HEADER_KEY] ?? '').filter((keyId) => KEY_ID.test(keyId)));
  return new Map(await Promise.all(Array.from(named, async (keyId) => [keyId, await keyring.find(keyId)] as const)));
}

export function senderOf(message: ReceivedMessage, keys: Keys, topic: string, topics: Pick<Topics, 'refusal'>): Sender {
  if (message.undecodable !== undefined) return { credential: undefined, refused: undecodableBatch(message.undecodable) };
  const sender = identify(message, keys);
  if (sender.credential === undefined || sender.refused !== undefined) return sender;
  // A key is valid only in its tenant's topic.
  const refused = topics.refusal(topic, sender.credential.tenant);
  return refused === undefined ? sender : { ...sender, refused };
}

/** Identifies the sender. Only key id, kind and MAC are trusted, and only together. */
function identify({ headers, value }: ReceivedMessage, keys: Keys): Sender {
  const [keyId, kind, mac] = [headers[HEADER_KEY], headers[HEADER_KIND], headers[HEADER_MAC]];
  if (keyId === undefined || kind === undefined || mac === undefined)
    return unidentified(
      'unauthenticated',
      `Missing header ${HEADER_KEY}, ${HEADER_KIND} or ${HEADER_MAC}; sign the message with an API key.`,
    );
  const key = keys.get(keyId);
  if (!key) return unidentified('unauthenticated', `Unknown key id in header ${HEADER_KEY}.`);
  if (!isMessageKind(kind) || !isEqual(mac, messageMac(key.macSecret, kind, value)))
    return unidentified('mac_invalid', `The MAC does not match key ${keyId}, the kind and these bytes; sign exactly what is sent.`);
  if (!('ended' in key)) return { credential: key.credential, kind };
  const refused: Refusal = { code: 'unauthenticated', detail: `Key ${keyId} is ${key.ended}; send the event under another key.` };
  return { credential: key.was, kind, refused };
}

/** In constant time. */
function isEqual(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given, 'base64url'), Buffer.from(right, 'base64url')];
  return a.length === b.length && timingSafeEqual(a, b);
}

function undecodableBatch({ first, last, fault, reason, size, digest }: Undecodable): Refusal {
  const messages = `The batch with offsets ${first} to ${last} (${size} bytes, SHA-256 ${digest}) cannot be decoded: ${reason}.`;
  const detail = `${messages} ${ADVICE[fault]} Its start is kept; the broker has all of it until the topic's retention ends.`;
  return { code: 'undecodable', detail };
}
const ADVICE: Readonly<Record<Undecodable['fault'], string>> = {
  corrupt: 'Send its messages again with a Kafka producer.',
  too_large: `Send its messages again in batches of at most ${RECORD_BATCH_BYTES_MAX} bytes.`,
  codec_unavailable: 'Then send its messages again.',
};

function unidentified(code: Refusal['code'], detail: string): Sender {
  return { credential: undefined, refused: { code, detail } };
}
