import {
  canonicalize,
  createEffectsDigest,
  type Effect,
  type EventData,
  type EventType,
  encodeEvent,
  eventId,
  formatSequence,
  OWN_AGENT,
  type RecantEvent,
} from '@recant/events';
import type { OutboxItem } from './ports.ts';

/** Milliseconds of silence after which a run's source counts as lost; long, because runs can be paused. */
export const LEASE_MS = 86_400_000;
/** Canonical bytes of the effects in one event: leaves room for the envelope under EVENT_BYTES_MAX. */
const CHUNK_BYTES_MAX = 56_000;

/** Numbers and encodes the events of one source. Nothing counts until the drained events are committed. */
export interface SourceEvents {
  add<T extends EventType>(type: T, id: string, data: EventData[T]): void;
  /** Events added since the last call. */
  drain(): readonly OutboxItem[];
  /** Frees the numbers of the last drained events, whose transaction was not committed. */
  discard(count: number): void;
  readonly sequenceNext: number;
}

export function createSourceEvents(source: string, sequenceNext: number, now: () => number): SourceEvents {
  let next = sequenceNext;
  let items: OutboxItem[] = [];
  return {
    add(type, id, data) {
      const event = {
        specversion: '1.0',
        id,
        source,
        type,
        time: new Date(now()).toISOString(),
        sequence: formatSequence(next),
        agent: OWN_AGENT,
        data,
      } as RecantEvent;
      items.push({ sequence: next, bytes: encodeEvent(event) });
      next++;
    },
    drain() {
      const taken = items;
      items = [];
      return taken;
    },
    discard(count) {
      next -= count;
    },
    get sequenceNext() {
      return next;
    },
  };
}

/** Effects and settlement of one attempt. */
export function addSettlement(
  events: SourceEvents,
  ref: { readonly action: string; readonly attempt: number },
  end: {
    readonly effects: readonly Effect[];
    readonly failed?: { readonly code: string; readonly message: string };
    readonly durationMs: number;
  },
): void {
  const { action, attempt } = ref;
  const chunks = chunked(end.effects);
  const digest = createEffectsDigest();
  for (const [chunk, { effects, texts }] of chunks.entries()) {
    events.add('recant.attempt.effects.v1', eventId.effects(action, attempt, chunk), { action, attempt, chunk, effects });
    digest.addText(`[${texts.join(',')}]`);
  }
  events.add('recant.attempt.settled.v1', eventId.settled(action, attempt), {
    action,
    attempt,
    outcome: end.failed ? 'failed' : 'succeeded',
    chunks: chunks.length,
    effects: end.effects.length,
    digest: digest.hex(),
    durationMs: Math.max(0, Math.round(end.durationMs)),
    ...(end.failed ? { error: { code: end.failed.code, message: end.failed.message.slice(0, 500).toWellFormed() } } : {}),
  });
}

interface Chunk {
  readonly effects: Effect[];
  /** Canonical JSON of each. */
  readonly texts: string[];
}

function chunked(effects: readonly Effect[]): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const effect of effects) {
    const text = canonicalize(effect);
    const size = Buffer.byteLength(text) + 1;
    if (bytes + size > CHUNK_BYTES_MAX) {
      chunks.push({ effects: [], texts: [] });
      bytes = 0;
    }
    const chunk = chunks.at(-1) as Chunk;
    chunk.effects.push(effect);
    chunk.texts.push(text);
    bytes += size;
  }
  return chunks;
}
