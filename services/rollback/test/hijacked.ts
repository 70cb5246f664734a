import { randomBytes } from 'node:crypto';
import { createClient } from '@recant/client';
import {
  type AttemptIntended,
  type AttemptSettled,
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
import type { Stage } from './harness.ts';

/** `shop`: the target of its own transactions. */
type Place = Pick<Stage, 'url'> & Partial<Pick<Stage, 'shop'>>;

/** An agent that says what it likes: well-formed events under its own key, and transactions with its own login. */
export class HijackedAgent {
  readonly source: string;
  readonly #stage: Place;
  readonly #agent: string;
  readonly #apiKey: string;
  readonly #skewMs: number;
  #sequence = 0;
  #unsent: readonly Uint8Array[];

  constructor(
    stage: Place,
    who: { readonly agent: string; readonly apiKey: string; readonly source?: string; readonly leaseMs?: number; readonly skewMs?: number },
  ) {
    this.#stage = stage;
    this.#skewMs = who.skewMs ?? 0;
    this.#agent = who.agent;
    this.#apiKey = who.apiKey;
    this.source = who.source ?? `recant://${who.agent}/${newAction()}`;
    this.#unsent = [this.event('recant.source.opened.v1', eventId.opened(), { sdk: 'forged', leaseMs: who.leaseMs ?? 60_000 })];
  }

  /** Codes of the events that the ledger refused. */
  async send(...events: readonly Uint8Array[]): Promise<readonly string[]> {
    const receipts = await createClient({ url: this.#stage.url, apiKey: this.#apiKey }).submitBatch([...this.#unsent, ...events]);
    this.#unsent = [];
    return receipts.flatMap(({ code }) => code ?? []);
  }

  /** The next event has the number of the last one, which was refused. */
  reuseNumber(): void {
    this.#sequence -= 1;
  }

  intended(action: string, over: Partial<AttemptIntended> = {}): Uint8Array {
    return this.event('recant.attempt.intended.v1', eventId.intended(action, 1), {
      action,
      attempt: 1,
      tool: 'forge',
      arguments: { inline: {} },
      resources: [],
      reversibility: 'reversible',
      deadlineMs: 60_000,
      context: {},
      ...over,
    });
  }

  effects(action: string, effects: readonly Effect[]): Uint8Array {
    return this.event('recant.attempt.effects.v1', eventId.effects(action, 1, 0), { action, attempt: 1, chunk: 0, effects });
  }

  settled(action: string, effects: readonly Effect[] = [], over: Partial<AttemptSettled> = {}): Uint8Array {
    const lists = effects.length === 0 ? [] : [effects];
    return this.event('recant.attempt.settled.v1', eventId.settled(action, 1), {
      action,
      attempt: 1,
      outcome: 'succeeded',
      chunks: lists.length,
      effects: effects.length,
      digest: effectsDigest(lists),
      durationMs: 1,
      ...over,
    });
  }

  /** One transaction of the target that names this attempt. */
  async write(action: string, ...statements: readonly string[]): Promise<void> {
    const { shop } = this.#stage;
    if (shop === undefined) throw new Error('no target for this agent');
    const client = await shop.pool.connect();
    const ref = [this.source, action, 1];
    try {
      await client.query('SELECT recant.open_attempt($1, $2, $3)', ref);
      await client.query('BEGIN');
      await client.query('SELECT recant.name_attempt($1, $2, $3)', ref);
      for (const statement of statements) await client.query(statement);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  event<T extends EventType>(type: T, id: string, data: EventData[T]): Uint8Array {
    this.#sequence += 1;
    const { source } = this;
    const time = new Date(Date.now() + this.#skewMs).toISOString();
    const sequence = formatSequence(this.#sequence);
    return encodeEvent({ specversion: '1.0', id, source, type, time, sequence, agent: this.#agent, data } as RecantEvent);
  }
}

export const newAction = (): string => uuidv7(Date.now(), randomBytes(16));
