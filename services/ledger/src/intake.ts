import { timingSafeEqual } from 'node:crypto';
import { eventMac, HEADER_KEY, HEADER_KIND, HEADER_MAC, HEADER_PART, HEADER_SALT, PART_BYTES_MAX } from '@recant/events';
import { type MessageBatch, RECORD_BATCH_BYTES_MAX, type ReceivedMessage, type Undecodable } from '@recant/kafka';
import type { Appender, Credential, Refusal, RefusalCode, Submission } from '@recant/ledger';
import type { EndedKey, Keyring, KnownKey, Logger, Payer, RateLimits } from '@recant/service';
import type { NewPart, PartReceipt, Parts } from '@recant/store';
import { warnOfForgeries } from './forgeries.ts';
import type { GarbageLimit } from './garbage.ts';
import type { Topics } from './topics.ts';

export interface IntakeDeps {
  readonly keyring: Keyring;
  readonly appender: Appender;
  readonly parts: Pick<Parts, 'put'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly topics: Pick<Topics, 'refusal'>;
  /** Rates of keys and tenants, as over HTTP. */
  readonly limits: RateLimits;
  /** What is kept of unidentified messages. */
  readonly garbage: GarbageLimit;
}

/**
 * Ingests one batch from Kafka: stores its parts, then events, dead letters and the position in one transaction. No message content makes this
 * reject; only the store does. After a crash in between, the parts are stored again (idempotent). A message whose key is over its rate is held: the broker
 * has acknowledged it, so it is recorded later instead of refused.
 */
export async function ingestMessages(batch: MessageBatch, deps: IntakeDeps): Promise<void> {
  const keys = await findKeys(batch.messages, deps.keyring);
  const received = batch.messages.map((message): Received => {
    const sender = senderOf(message, keys, batch.topic, deps.topics);
    return { message, sender, isOver: isOverRate(message, sender, deps.limits) };
  });
  const refusals = await storeParts(received, deps.parts);
  const submissions: Submission[] = [];
  for (const { message, sender, isOver } of received) {
    const origin = originOf(batch, message);
    const bytes = message.value;
    const refused = refusals.get(message);
    if (refused !== undefined) submissions.push({ ...sender, bytes, origin, refused });
    else if ('refused' in sender || !isPart(message)) submissions.push({ ...sender, bytes, origin, ...(isOver && { hold: true }) });
    else if (isOver) submissions.push({ ...sender, bytes, origin, part: saltedOf(message) });
  }
  const kept = deps.garbage.keep(submissions, `${batch.topic}/${batch.partition}`);
  const { cluster, topic, partition, from, next } = batch;
  const receipts = await deps.appender.append(kept, { cluster, topic, partition, from, next });
  warnOfForgeries(kept, receipts, deps.logger);
}

/** Charges an identified message. */
function isOverRate({ value }: ReceivedMessage, sender: Sender, limits: RateLimits): boolean {
  if ('refused' in sender) return false;
  return limits.charge(payerOf(sender.credential), { events: 1, bytes: value.length }) !== undefined;
}

export function payerOf({ tenant, keyId, roles }: Credential): Payer {
  return { tenant, id: keyId, operator: roles.includes('rollback') || roles.includes('administer') };
}

/** An undecodable batch names the range of its offsets. */
function originOf({ topic, partition }: MessageBatch, { offset, undecodable }: ReceivedMessage): string {
  const offsets = undecodable === undefined ? `${offset}` : `${undecodable.first}-${undecodable.last}`;
  return `kafka:${topic}/${partition}/${offsets}`;
}

type Keys = ReadonlyMap<string, KnownKey | EndedKey | undefined>;

/** Looks up each key once per batch: a look-up per message would cost an event-loop turn each. */
async function findKeys(messages: readonly ReceivedMessage[], keyring: Keyring): Promise<Keys> {
  const named = new Set(messages.map(({ headers }) => headers[HEADER_KEY] ?? '').filter((keyId) => KEY_ID.test(keyId)));
  return new Map(await Promise.all(Array.from(named, async (keyId) => [keyId, await keyring.find(keyId)] as const)));
}

/** Without a credential the sender is unknown, and the dead letter goes to the operator's tenant. */
type Sender = { readonly credential: Credential } | { readonly credential: Credential | undefined; readonly refused: Refusal };

function senderOf(message: ReceivedMessage, keys: Keys, topic: string, topics: IntakeDeps['topics']): Sender {
  if (message.undecodable !== undefined) return { credential: undefined, refused: undecodableBatch(message.undecodable) };
  return checkTopic(identify(message, keys), topic, topics);
}

function undecodableBatch({ first, last, fault, reason, size, digest }: Undecodable): Refusal {
  const messages = `The batch with offsets ${first} to ${last} (${size} bytes, SHA-256 ${digest}) cannot be decoded: ${reason}.`;
  return refusal(
    'undecodable',
    `${messages} ${ADVICE[fault]} Its start is kept; the broker has all of it until the topic's retention ends.`,
  );
}
const ADVICE: Readonly<Record<Undecodable['fault'], string>> = {
  corrupt: 'Send its messages again with a Kafka producer.',
  too_large: `Send its messages again in batches of at most ${RECORD_BATCH_BYTES_MAX} bytes.`,
  codec_unavailable: 'Then send its messages again.',
};

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

interface Received {
  readonly message: ReceivedMessage;
  readonly sender: Sender;
  readonly isOver: boolean;
}

const isPart = ({ headers }: ReceivedMessage): boolean => headers[HEADER_KIND] !== undefined;

/** Stores the parts of a batch, one statement a tenant. @returns why messages were not stored */
async function storeParts(received: readonly Received[], parts: IntakeDeps['parts']): Promise<ReadonlyMap<ReceivedMessage, Refusal>> {
  const refusals = new Map<ReceivedMessage, Refusal>();
  const ofTenant = new Map<string, ReceivedMessage[]>();
  for (const { message, sender, isOver } of received) {
    if ('refused' in sender || !isPart(message)) continue;
    const { tenant } = sender.credential;
    const refused = refusePart(message, sender.credential);
    if (refused !== undefined) refusals.set(message, refused);
    else if (!isOver) {
      const messages = ofTenant.get(tenant) ?? [];
      messages.push(message);
      ofTenant.set(tenant, messages);
    }
  }
  for (const [tenant, messages] of ofTenant) {
    const receipts = await parts.put(
      tenant,
      messages.map((message) => partOf(saltedOf(message), message.value)),
    );
    for (const [n, message] of messages.entries()) {
      const refused = refusalOfPart(receipts[n] as PartReceipt, message.value);
      if (refused !== undefined) refusals.set(message, refused);
    }
  }
  return refusals;
}

/** Why a part was not stored. */
export function refusalOfPart(receipt: PartReceipt, bytes: Uint8Array): Refusal | undefined {
  if (receipt === 'stored') return undefined;
  if (receipt === 'too_large') return refusal('too_large', `Expected a part of at most ${PART_BYTES_MAX} bytes, got ${bytes.length}.`);
  return refusal('id_mismatch', `Header ${HEADER_PART} is not the SHA-256 of salt and bytes.`);
}

interface Salted {
  readonly digest: string;
  readonly salt: string;
}

const saltedOf = ({ headers }: ReceivedMessage): Salted => ({ digest: headers[HEADER_PART] ?? '', salt: headers[HEADER_SALT] ?? '' });

export function partOf({ digest, salt }: Salted, bytes: Uint8Array): NewPart {
  return { digest, salt: Buffer.from(salt, 'base64url'), bytes };
}

function refusePart({ headers }: ReceivedMessage, { roles, keyId }: Credential): Refusal | undefined {
  if (headers[HEADER_KIND] !== 'part') return refusal('type_unknown', `Header ${HEADER_KIND}: expected "part" or no header.`);
  if (!roles.includes('emit') && !roles.includes('rollback'))
    return refusal('role_missing', `Key ${keyId} lacks the role "emit"; send parts with a key that has it.`);
  if (!SALT.test(headers[HEADER_SALT] ?? '')) return refusal('schema_invalid', `Header ${HEADER_SALT}: expected 16 bytes as base64url.`);
  return undefined;
}

function unidentified(code: RefusalCode, detail: string): Sender {
  return { credential: undefined, refused: refusal(code, detail) };
}

function refusal(code: RefusalCode, detail: string): Refusal {
  return { code, detail };
}
