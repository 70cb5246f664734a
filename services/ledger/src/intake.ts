import { HEADER_KIND, KIND_EVENTS, KIND_PART, splitBatch } from '@recant/events';
import type { MessageBatch, ReceivedMessage } from '@recant/kafka';
import type { Appender, Credential, Refusal, Submission } from '@recant/ledger';
import type { Keyring, Logger, Payer, RateLimits } from '@recant/service';
import type { Parts } from '@recant/store';
import { warnOfForgeries } from './forgeries.ts';
import type { GarbageLimit } from './garbage.ts';
import { type ReceivedPart, saltedOf, storeParts } from './kafka-parts.ts';
import { findKeys, type Sender, senderOf } from './kafka-sender.ts';
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
 * Ingests messages from Kafka: stores their parts, then events, dead letters and the position in one transaction. No message content makes this
 * reject; only the store does. After a crash in between, the parts are stored again (idempotent). A message whose key is over its rate is held: the broker
 * has acknowledged it, so it is recorded later instead of refused.
 */
export async function ingestMessages(batch: MessageBatch, deps: IntakeDeps): Promise<void> {
  const keys = await findKeys(batch.messages, deps.keyring);
  const received = batch.messages.map((message): Received => {
    const sender = senderOf(message, keys, batch.topic, deps.topics);
    return receive(message, sender, originOf(batch, message), deps.limits);
  });
  const refusals = await storeParts(received.filter(isPart), deps.parts);
  const submissions = received.flatMap((one) => submissionsOf(one, refusals.get(one.message)));
  const kept = deps.garbage.keep(submissions, `${batch.topic}/${batch.partition}`);
  const { cluster, topic, partition, from, next } = batch;
  const receipts = await deps.appender.append(kept, { cluster, topic, partition, from, next });
  warnOfForgeries(kept, receipts, deps.logger);
}

interface Message {
  readonly message: ReceivedMessage;
  readonly origin: string;
}

/** What a message is. One that is refused as a whole is one dead letter; an authentic batch is taken apart, so that each of its events is recorded or kept whole. */
type Received = Message &
  (
    | { readonly kind: 'refused'; readonly credential: Credential | undefined; readonly refused: Refusal }
    | ({ readonly kind: 'part' } & ReceivedPart)
    | {
        readonly kind: 'events';
        readonly credential: Credential;
        readonly events: readonly Uint8Array[];
        readonly isOver: boolean;
        /** Of the sender. */
        readonly refused: Refusal | undefined;
      }
  );

const isPart = (one: Received): one is Extract<Received, { kind: 'part' }> => one.kind === 'part';

/** Charges an identified message. */
function receive(message: ReceivedMessage, sender: Sender, origin: string, limits: RateLimits): Received {
  const { credential } = sender;
  const refuse = (refused: Refusal): Received => ({ kind: 'refused', message, origin, credential, refused });
  if (credential === undefined) return refuse(sender.refused);
  const isOver = (events: number): boolean => limits.charge(payerOf(credential), { events, bytes: message.value.length }) !== undefined;
  const { kind, refused } = sender;
  if (kind === KIND_EVENTS) {
    const split = splitBatch(message.value);
    const over = isOver(split.ok ? split.events.length : 1);
    if (!split.ok) return refuse(refused ?? split);
    // Nothing bounds an ended key but its rate: beyond it, one dead letter for the batch.
    if (refused !== undefined && over) return refuse(refused);
    return { kind: 'events', message, origin, credential, events: split.events, isOver: over, refused };
  }
  const over = isOver(1);
  if (refused !== undefined) return refuse(refused);
  if (kind === KIND_PART) return { kind: 'part', message, origin, credential, isOver: over };
  return refuse({ code: 'type_unknown', detail: `Header ${HEADER_KIND}: expected "${KIND_EVENTS}" or "${KIND_PART}", got "${kind}".` });
}

function submissionsOf(one: Received, refusedPart: Refusal | undefined): readonly Submission[] {
  const { message, origin, credential } = one;
  const whole = { credential, bytes: message.value, origin };
  switch (one.kind) {
    case 'refused':
      return [{ ...whole, refused: one.refused }];
    case 'part':
      if (refusedPart !== undefined) return [{ ...whole, refused: refusedPart }];
      return one.isOver ? [{ ...whole, part: saltedOf(message) }] : [];
    case 'events': {
      const { events, isOver, refused } = one;
      const common = { credential, ...(refused && { refused }), ...(isOver && { hold: true as const }) };
      if (events.length === 1) return events.map((bytes) => ({ ...common, bytes, origin }));
      const batch = Symbol('batch');
      return events.map((bytes, n) => ({ ...common, batch, bytes, origin: `${origin}#${n + 1}` }));
    }
  }
}

export function payerOf({ tenant, keyId, roles }: Credential): Payer {
  return { tenant, id: keyId, operator: roles.includes('rollback') || roles.includes('administer') };
}

/** An undecodable batch names the range of its offsets. */
function originOf({ topic, partition }: MessageBatch, { offset, undecodable }: ReceivedMessage): string {
  const offsets = undecodable === undefined ? `${offset}` : `${undecodable.first}-${undecodable.last}`;
  return `kafka:${topic}/${partition}/${offsets}`;
}
