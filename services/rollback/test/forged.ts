import { randomBytes } from 'node:crypto';
import { createClient } from '@recant/client';
import {
  type AttemptIntended,
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

export interface Forged {
  readonly action: string;
  readonly source: string;
  /** Codes of the events that the ledger refused. */
  readonly refused: readonly string[];
}

export interface Forgery {
  readonly apiKey: string;
  readonly agent: string;
  readonly effects: readonly Effect[];
  readonly source?: string;
  readonly intent?: Partial<AttemptIntended>;
}

/** A whole attempt forged by a hijacked agent: well formed, with invented effects. */
export async function forge(
  stage: Stage,
  { apiKey, agent, effects, source = `recant://${agent}/${uuidv7(Date.now(), randomBytes(16))}`, intent = {} }: Forgery,
): Promise<Forged> {
  const action = uuidv7(Date.now(), randomBytes(16));
  let sequence = 0;
  const bytesOf = <T extends EventType>(type: T, id: string, data: EventData[T]): Uint8Array =>
    encodeEvent({
      specversion: '1.0',
      id,
      source,
      type,
      time: new Date().toISOString(),
      sequence: formatSequence(++sequence),
      agent,
      data,
    } as RecantEvent);
  const events = [
    bytesOf('recant.source.opened.v1', eventId.opened(), { sdk: 'forged', leaseMs: 60_000 }),
    bytesOf('recant.attempt.intended.v1', eventId.intended(action, 1), {
      action,
      attempt: 1,
      tool: 'forge',
      arguments: { inline: {} },
      resources: [],
      reversibility: 'reversible',
      deadlineMs: 60_000,
      context: {},
      ...intent,
    }),
    bytesOf('recant.attempt.effects.v1', eventId.effects(action, 1, 0), { action, attempt: 1, chunk: 0, effects }),
    bytesOf('recant.attempt.settled.v1', eventId.settled(action, 1), {
      action,
      attempt: 1,
      outcome: 'succeeded',
      chunks: 1,
      effects: effects.length,
      digest: effectsDigest([effects]),
      durationMs: 1,
    }),
  ];
  const receipts = await createClient({ url: stage.url, apiKey }).submitBatch(events);
  return { action, source, refused: receipts.flatMap(({ code }) => code ?? []) };
}
