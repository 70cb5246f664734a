import { timingSafeEqual } from 'node:crypto';
import { eventMac, HEADER_KEY, HEADER_KIND, HEADER_MAC, HEADER_PART, HEADER_SALT, PART_BYTES_MAX, partDigest } from '@recant/events';
import type { MessageBatch, ReceivedMessage } from '@recant/kafka';
import type { Appender, Credential, Refusal, RefusalCode, Submission } from '@recant/ledger';
import type { Keyring } from '@recant/service';
import type { PartStore, StoredPart } from './store.ts';

export interface IntakeDeps {
  readonly keyring: Keyring;
  readonly appender: Appender;
  readonly parts: PartStore;
}

/** What one message is, once its sender is known. */
type Judged =
  | { readonly kind: 'event'; readonly submission: Submission }
  | { readonly kind: 'part'; readonly tenant: string; readonly part: StoredPart };

/**
 * Takes one batch of messages from Kafka: parts first, then events and dead letters with the position in one transaction. Nothing that a
 * message holds makes this reject; only the store does. A crash in between leaves parts that are written again.
 */
export async function takeMessages(batch: MessageBatch, { keyring, appender, parts }: IntakeDeps): Promise<void> {
  const origin = `kafka:${batch.topic}/${batch.partition}/`;
  const submissions: Submission[] = [];
  const partsByTenant = new Map<string, StoredPart[]>();
  for (const message of batch.messages) {
    const judged = await judge(message, `${origin}${message.offset}`, keyring);
    if (judged.kind === 'event') submissions.push(judged.submission);
    else partsByTenant.set(judged.tenant, [...(partsByTenant.get(judged.tenant) ?? []), judged.part]);
  }
  for (const [tenant, all] of partsByTenant) await parts.putParts(tenant, all);
  const { cluster, topic, partition, from, next } = batch;
  await appender.append(submissions, { cluster, topic, partition, from, next });
}

async function judge(message: ReceivedMessage, origin: string, keyring: Keyring): Promise<Judged> {
  const sender = await identify(message, keyring);
  if (!('tenant' in sender)) return refused(message, origin, undefined, sender);
  if (message.headers[HEADER_KIND] === undefined)
    return { kind: 'event', submission: { credential: sender, bytes: message.value, origin } };
  const part = checkPart(message, sender);
  return 'code' in part ? refused(message, origin, sender, part) : { kind: 'part', tenant: sender.tenant, part };
}

/** Whose message it is. Key id and MAC are the only headers that are believed, and only together. */
async function identify({ headers, value }: ReceivedMessage, keyring: Keyring): Promise<Credential | Refusal> {
  const keyId = headers[HEADER_KEY];
  const mac = headers[HEADER_MAC];
  if (keyId === undefined || mac === undefined)
    return refusal('unauthenticated', `The message has no ${HEADER_KEY} and ${HEADER_MAC} headers: sign it with a key.`);
  const key = KEY_ID.test(keyId) ? await keyring.find(keyId) : undefined;
  if (!key) return refusal('unauthenticated', 'The key that the message names is not known here: make one, or correct the id.');
  const given = Buffer.from(mac, 'base64url');
  const right = Buffer.from(eventMac(key.macSecret, value), 'base64url');
  if (given.length === right.length && timingSafeEqual(given, right)) return key.credential;
  return refusal('mac_invalid', `The signature is not that of key ${keyId} over these bytes: sign exactly the bytes that are sent.`);
}
const KEY_ID = /^[a-z0-9]{4,32}$/;
const SALT = /^[A-Za-z0-9_-]{22}$/;

function checkPart({ headers, value }: ReceivedMessage, { roles, keyId }: Credential): StoredPart | Refusal {
  const digest = headers[HEADER_PART] ?? '';
  const salt = headers[HEADER_SALT] ?? '';
  if (headers[HEADER_KIND] !== 'part') return refusal('type_unknown', `The header ${HEADER_KIND} is "part" or left out.`);
  if (!roles.includes('emit') && !roles.includes('rollback'))
    return refusal('role_missing', `Key ${keyId} has no role "emit": send parts with a key that has it.`);
  if (value.length > PART_BYTES_MAX)
    return refusal('too_large', `A part has at most ${PART_BYTES_MAX} bytes, this one has ${value.length}.`);
  if (!SALT.test(salt)) return refusal('schema_invalid', `The header ${HEADER_SALT} is not base64url of 16 bytes.`);
  const saltBytes = Buffer.from(salt, 'base64url');
  if (partDigest(saltBytes, value) !== digest)
    return refusal('id_mismatch', `The header ${HEADER_PART} is not the SHA-256 of salt and bytes.`);
  return { digest, salt: saltBytes, bytes: value };
}

function refused(message: ReceivedMessage, origin: string, credential: Credential | undefined, refused: Refusal): Judged {
  return { kind: 'event', submission: { credential, bytes: message.value, origin, refused } };
}

function refusal(code: RefusalCode, detail: string): Refusal {
  return { code, detail };
}
