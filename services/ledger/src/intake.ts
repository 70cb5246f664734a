import { timingSafeEqual } from 'node:crypto';
import { eventMac, HEADER_KEY, HEADER_KIND, HEADER_MAC, HEADER_PART, HEADER_SALT, PART_BYTES_MAX } from '@recant/events';
import type { MessageBatch, ReceivedMessage } from '@recant/kafka';
import type { Appender, Credential, Refusal, RefusalCode, Submission } from '@recant/ledger';
import type { EndedKey, Keyring, KnownKey, Logger } from '@recant/service';
import type { Parts } from '@recant/store';
import { tellForgeries } from './forgeries.ts';
import type { Topics } from './topics.ts';

export interface IntakeDeps {
  readonly keyring: Keyring;
  readonly appender: Appender;
  readonly parts: Pick<Parts, 'put'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly topics: Pick<Topics, 'refusal'>;
}

/**
 * Takes one batch of messages from Kafka: parts as they come, then events and dead letters with the position in one transaction. Nothing
 * that a message holds makes this reject; only the store does. A crash in between leaves parts that are written again.
 */
export async function takeMessages(batch: MessageBatch, deps: IntakeDeps): Promise<void> {
  const submissions: Submission[] = [];
  const keys = await findKeys(batch.messages, deps.keyring);
  for (const message of batch.messages) {
    const bytes = message.value;
    const origin = `kafka:${batch.topic}/${batch.partition}/${message.offset}`;
    const sender = inPlace(identify(message, keys), batch.topic, deps.topics);
    if ('refused' in sender) submissions.push({ ...sender, bytes, origin });
    else if (message.headers[HEADER_KIND] === undefined) submissions.push({ ...sender, bytes, origin });
    else {
      const refused = await keepPart(message, sender.credential, deps.parts);
      if (refused) submissions.push({ ...sender, bytes, origin, refused });
    }
  }
  const { cluster, topic, partition, from, next } = batch;
  const receipts = await deps.appender.append(submissions, { cluster, topic, partition, from, next });
  tellForgeries(submissions, receipts, deps.logger);
}

type Keys = ReadonlyMap<string, KnownKey | EndedKey | undefined>;

/** Each key of the batch once, in one read: a look-up for every message costs a turn of the event loop for every message. */
async function findKeys(messages: readonly ReceivedMessage[], keyring: Keyring): Promise<Keys> {
  const named = new Set(messages.map(({ headers }) => headers[HEADER_KEY] ?? '').filter((keyId) => KEY_ID.test(keyId)));
  return new Map(await Promise.all(Array.from(named, async (keyId) => [keyId, await keyring.find(keyId)] as const)));
}

/** Without a credential nobody knows whose message it is: its dead letter is the operator's. */
type Sender = { readonly credential: Credential } | { readonly credential: Credential | undefined; readonly refused: Refusal };

/** Whose message it is. Key id and MAC are the only headers that are believed, and only together. */
function identify({ headers, value }: ReceivedMessage, keys: Keys): Sender {
  const keyId = headers[HEADER_KEY];
  const mac = headers[HEADER_MAC];
  if (keyId === undefined || mac === undefined)
    return nobody('unauthenticated', `The message has no ${HEADER_KEY} and ${HEADER_MAC} headers: sign it with a key.`);
  const key = keys.get(keyId);
  if (!key) return nobody('unauthenticated', 'The key that the message names is not known here: make one, or correct the id.');
  const given = Buffer.from(mac, 'base64url');
  const right = Buffer.from(eventMac(key.macSecret, value), 'base64url');
  if (given.length !== right.length || !timingSafeEqual(given, right))
    return nobody('mac_invalid', `The signature is not that of key ${keyId} over these bytes: sign exactly the bytes that are sent.`);
  if (!('ended' in key)) return { credential: key.credential };
  return { credential: key.was, refused: refusal('unauthenticated', `Key ${keyId} is ${key.ended}: send it under another one.`) };
}

/** A key is believed in the topic of its tenant alone. */
function inPlace(sender: Sender, topic: string, topics: IntakeDeps['topics']): Sender {
  if ('refused' in sender) return sender;
  const refused = topics.refusal(topic, sender.credential.tenant);
  return refused === undefined ? sender : { ...sender, refused };
}
const KEY_ID = /^[a-z0-9]{4,32}$/;
const SALT = /^[A-Za-z0-9_-]{22}$/;

async function keepPart(
  { headers, value }: ReceivedMessage,
  { tenant, roles, keyId }: Credential,
  parts: IntakeDeps['parts'],
): Promise<Refusal | undefined> {
  const salt = headers[HEADER_SALT] ?? '';
  if (headers[HEADER_KIND] !== 'part') return refusal('type_unknown', `The header ${HEADER_KIND} is "part" or left out.`);
  if (!roles.includes('emit') && !roles.includes('rollback'))
    return refusal('role_missing', `Key ${keyId} has no role "emit": send parts with a key that has it.`);
  if (!SALT.test(salt)) return refusal('schema_invalid', `The header ${HEADER_SALT} is not base64url of 16 bytes.`);
  const receipt = await parts.put(tenant, headers[HEADER_PART] ?? '', { salt: Buffer.from(salt, 'base64url'), bytes: value });
  if (receipt === 'too_large') return refusal('too_large', `A part has at most ${PART_BYTES_MAX} bytes, this one has ${value.length}.`);
  if (receipt === 'digest_mismatch') return refusal('id_mismatch', `The header ${HEADER_PART} is not the SHA-256 of salt and bytes.`);
  return undefined;
}

function nobody(code: RefusalCode, detail: string): Sender {
  return { credential: undefined, refused: refusal(code, detail) };
}

function refusal(code: RefusalCode, detail: string): Refusal {
  return { code, detail };
}
