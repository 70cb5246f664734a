import { timingSafeEqual } from 'node:crypto';
import { eventMac, HEADER_KEY, HEADER_KIND, HEADER_MAC, HEADER_PART, HEADER_SALT, PART_BYTES_MAX } from '@recant/events';
import type { MessageBatch, ReceivedMessage } from '@recant/kafka';
import type { Appender, Credential, Refusal, RefusalCode, Submission } from '@recant/ledger';
import type { EndedKey, Keyring, KnownKey, Logger } from '@recant/service';
import type { Parts } from '@recant/store';
import { warnOfForgeries } from './forgeries.ts';
import type { Topics } from './topics.ts';

export interface IntakeDeps {
  readonly keyring: Keyring;
  readonly appender: Appender;
  readonly parts: Pick<Parts, 'put'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly topics: Pick<Topics, 'refusal'>;
}

/**
 * Ingests one batch from Kafka: stores its parts, then events, dead letters and the position in one transaction. No message content makes this
 * reject; only the store does. After a crash in between, the parts are stored again (idempotent).
 */
export async function ingestMessages(batch: MessageBatch, deps: IntakeDeps): Promise<void> {
  const submissions: Submission[] = [];
  const keys = await findKeys(batch.messages, deps.keyring);
  for (const message of batch.messages) {
    const bytes = message.value;
    const origin = `kafka:${batch.topic}/${batch.partition}/${message.offset}`;
    const sender = checkTopic(identify(message, keys), batch.topic, deps.topics);
    if ('refused' in sender) submissions.push({ ...sender, bytes, origin });
    else if (message.headers[HEADER_KIND] === undefined) submissions.push({ ...sender, bytes, origin });
    else {
      const refused = await storePart(message, sender.credential, deps.parts);
      if (refused) submissions.push({ ...sender, bytes, origin, refused });
    }
  }
  const { cluster, topic, partition, from, next } = batch;
  const receipts = await deps.appender.append(submissions, { cluster, topic, partition, from, next });
  warnOfForgeries(submissions, receipts, deps.logger);
}

type Keys = ReadonlyMap<string, KnownKey | EndedKey | undefined>;

/** Looks up each key once per batch: a look-up per message would cost an event-loop turn each. */
async function findKeys(messages: readonly ReceivedMessage[], keyring: Keyring): Promise<Keys> {
  const named = new Set(messages.map(({ headers }) => headers[HEADER_KEY] ?? '').filter((keyId) => KEY_ID.test(keyId)));
  return new Map(await Promise.all(Array.from(named, async (keyId) => [keyId, await keyring.find(keyId)] as const)));
}

/** Without a credential the sender is unknown, and the dead letter goes to the operator's tenant. */
type Sender = { readonly credential: Credential } | { readonly credential: Credential | undefined; readonly refused: Refusal };

/** Identifies the sender. Only key id and MAC are trusted, and only together. */
function identify({ headers, value }: ReceivedMessage, keys: Keys): Sender {
  const keyId = headers[HEADER_KEY];
  const mac = headers[HEADER_MAC];
  if (keyId === undefined || mac === undefined)
    return unidentified('unauthenticated', `Missing header ${HEADER_KEY} or ${HEADER_MAC}; sign the message with an API key.`);
  const key = keys.get(keyId);
  if (!key) return unidentified('unauthenticated', `Unknown key id in header ${HEADER_KEY}.`);
  const given = Buffer.from(mac, 'base64url');
  const right = Buffer.from(eventMac(key.macSecret, value), 'base64url');
  if (given.length !== right.length || !timingSafeEqual(given, right))
    return unidentified('mac_invalid', `The MAC does not match key ${keyId} and these bytes; sign exactly the bytes that are sent.`);
  if (!('ended' in key)) return { credential: key.credential };
  return { credential: key.was, refused: refusal('unauthenticated', `Key ${keyId} is ${key.ended}; send the event under another key.`) };
}

/** A key is valid only in its tenant's topic. */
function checkTopic(sender: Sender, topic: string, topics: IntakeDeps['topics']): Sender {
  if ('refused' in sender) return sender;
  const refused = topics.refusal(topic, sender.credential.tenant);
  return refused === undefined ? sender : { ...sender, refused };
}
const KEY_ID = /^[a-z0-9]{4,32}$/;
const SALT = /^[A-Za-z0-9_-]{22}$/;

async function storePart(
  { headers, value }: ReceivedMessage,
  { tenant, roles, keyId }: Credential,
  parts: IntakeDeps['parts'],
): Promise<Refusal | undefined> {
  const salt = headers[HEADER_SALT] ?? '';
  if (headers[HEADER_KIND] !== 'part') return refusal('type_unknown', `Header ${HEADER_KIND}: expected "part" or no header.`);
  if (!roles.includes('emit') && !roles.includes('rollback'))
    return refusal('role_missing', `Key ${keyId} lacks the role "emit"; send parts with a key that has it.`);
  if (!SALT.test(salt)) return refusal('schema_invalid', `Header ${HEADER_SALT}: expected 16 bytes as base64url.`);
  const receipt = await parts.put(tenant, headers[HEADER_PART] ?? '', { salt: Buffer.from(salt, 'base64url'), bytes: value });
  if (receipt === 'too_large') return refusal('too_large', `Expected a part of at most ${PART_BYTES_MAX} bytes, got ${value.length}.`);
  if (receipt === 'digest_mismatch') return refusal('id_mismatch', `Header ${HEADER_PART} is not the SHA-256 of salt and bytes.`);
  return undefined;
}

function unidentified(code: RefusalCode, detail: string): Sender {
  return { credential: undefined, refused: refusal(code, detail) };
}

function refusal(code: RefusalCode, detail: string): Refusal {
  return { code, detail };
}
