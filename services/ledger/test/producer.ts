import { randomBytes } from 'node:crypto';
import type { ReceiptBody } from '@recant/api';
import type { Client } from '@recant/client';
import {
  type Effect,
  type EventData,
  type EventType,
  effectsDigest,
  encodeEvent,
  eventId,
  formatSequence,
  type RecantEvent,
  uuidv7,
} from '@recant/events';

/** One producer lane that numbers its events, as an SDK would. */
export class TestSource {
  readonly source: string;
  readonly agent: string;
  #sequence = 0;

  constructor(agent = 'pricing', prefix = `recant://${agent}`) {
    this.agent = agent;
    this.source = `${prefix}/${randomBytes(6).toString('hex')}`;
  }

  event<T extends EventType>(type: T, id: string, data: EventData[T], over: object = {}): Uint8Array {
    this.#sequence += 1;
    const { source, agent } = this;
    const envelope = {
      specversion: '1.0',
      id,
      source,
      type,
      time: new Date().toISOString(),
      sequence: formatSequence(this.#sequence),
      agent,
      data,
    };
    return encodeEvent({ ...envelope, ...over } as unknown as RecantEvent);
  }

  opened(): Uint8Array {
    return this.event('recant.source.opened.v1', eventId.opened(), { sdk: 'test/1', leaseMs: 60_000 });
  }

  intended(over: Partial<EventData['recant.attempt.intended.v1']> = {}): { action: string; bytes: Uint8Array } {
    const action = over.action ?? newAction();
    const data = {
      action,
      attempt: 1,
      tool: 'reprice',
      arguments: { inline: {} },
      resources: [],
      reversibility: 'reversible',
      deadlineMs: 60_000,
      context: {},
      ...over,
    } as const;
    return { action, bytes: this.event('recant.attempt.intended.v1', eventId.intended(action, data.attempt), data) };
  }

  effects(action: string, resources: readonly string[], chunk = 0): Uint8Array {
    return this.event('recant.attempt.effects.v1', eventId.effects(action, 1, chunk), {
      action,
      attempt: 1,
      chunk,
      effects: resources.map(effectOn),
    });
  }

  settled(action: string, resources: readonly string[] = []): Uint8Array {
    const effects = resources.map(effectOn);
    const counted =
      resources.length === 0
        ? { chunks: 0, effects: 0, digest: effectsDigest([]) }
        : { chunks: 1, effects: effects.length, digest: effectsDigest([effects]) };
    return this.event('recant.attempt.settled.v1', eventId.settled(action, 1), {
      action,
      attempt: 1,
      outcome: 'succeeded',
      ...counted,
      durationMs: 5,
    });
  }

  /** What a transaction of the database `shop` changed, in one event. */
  observed(over: Partial<EventData['recant.attempt.observed.v1']> = {}): Uint8Array {
    const at = new Date().toISOString();
    const data = {
      action: newAction(),
      attempt: 1,
      system: 'shop',
      transaction: '1/7',
      login: 'pricing_bot',
      agent: 'pricing',
      from: at,
      to: at,
      chunk: 0,
      chunks: 1,
      effects: [],
      ...over,
    };
    return this.event('recant.attempt.observed.v1', eventId.observed(data), data);
  }

  /** Intent, effects and settlement of one attempt. */
  attempt(
    resources: readonly string[],
    over: Partial<EventData['recant.attempt.intended.v1']> = {},
  ): { action: string; events: Uint8Array[] } {
    const { action, bytes } = this.intended({ resources, ...over });
    return { action, events: [bytes, this.effects(action, resources), this.settled(action, resources)] };
  }
}

/** Submits events of several sources, a batch for each. @returns receipts in the order of the events */
export async function submitAll(client: Pick<Client, 'submitBatch'>, events: readonly Uint8Array[]): Promise<readonly ReceiptBody[]> {
  const sourceOf = (bytes: Uint8Array): string => (JSON.parse(Buffer.from(bytes).toString()) as { source: string }).source;
  const receipts = new Map<Uint8Array, ReceiptBody>();
  for (const own of Map.groupBy(events, sourceOf).values())
    for (const [n, receipt] of (await client.submitBatch(own)).entries()) receipts.set(own[n] as Uint8Array, receipt);
  return events.map((bytes) => receipts.get(bytes) as ReceiptBody);
}

export function newAction(): string {
  return uuidv7(Date.now(), randomBytes(16));
}

/** The event as an object, changed, in canonical bytes again: for what an SDK would never send. */
export function changed(bytes: Uint8Array, over: object): Uint8Array {
  return encodeEvent({ ...(JSON.parse(Buffer.from(bytes).toString()) as object), ...over } as RecantEvent);
}

function effectOn(resource: string): Effect {
  const connector = resource.slice(0, resource.indexOf(':'));
  return {
    resource,
    operation: 'update',
    ordinal: '1',
    parts: { price: { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: 'v1.BBBBBBBBBBBBBBBBBBBBBB' } },
    compensation: { connector, images: ['1'] },
  };
}
