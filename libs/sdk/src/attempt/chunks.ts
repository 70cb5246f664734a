import { canonicalize, createEffectsDigest, type Effect, EVENT_BYTES_MAX, EventError } from '@recant/events';

/** Bytes of an effects event beside its effects: envelope with names at their limits, trace context, data. */
const CHUNK_OVERHEAD_BYTES = 6_000;
const CHUNK_BYTES_MAX = EVENT_BYTES_MAX - CHUNK_OVERHEAD_BYTES;

export interface Chunked {
  readonly chunks: number;
  readonly effects: number;
  /** Lower-case hex `effectsDigest` of all chunks. */
  readonly digest: string;
}

/**
 * Gathers effects into chunks that fit an event and hands each to `send`, which may hold it back: at most one chunk is in memory here.
 * @throws EventError `too_large` for an effect that fits no event, and whatever `effects` or `send` throw.
 */
export async function sendInChunks(
  effects: AsyncIterable<Effect>,
  send: (chunk: number, effects: readonly Effect[]) => Promise<void>,
): Promise<Chunked> {
  const digest = createEffectsDigest();
  let gathered: Effect[] = [];
  let bytes = 0;
  let chunks = 0;
  let total = 0;
  const flush = async (): Promise<void> => {
    digest.add(gathered);
    await send(chunks, gathered);
    chunks += 1;
    gathered = [];
    bytes = 0;
  };
  for await (const effect of effects) {
    const size = Buffer.byteLength(canonicalize(effect as never)) + 1;
    if (size > CHUNK_BYTES_MAX) {
      throw new EventError(
        'too_large',
        `The effect on ${effect.resource} has ${size} bytes, at most ${CHUNK_BYTES_MAX} fit: make its parts fewer.`,
      );
    }
    if (bytes + size > CHUNK_BYTES_MAX) await flush();
    gathered.push(effect);
    bytes += size;
    total += 1;
  }
  if (gathered.length > 0) await flush();
  return { chunks, effects: total, digest: digest.hex() };
}
