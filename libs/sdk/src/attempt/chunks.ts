import { canonicalize, createEffectsDigest, type Effect, EVENT_BYTES_MAX, EventError } from '@recant/events';

/** Upper limit of the bytes of an effects event without its effects: envelope with names of maximum length, trace context, data. */
const CHUNK_OVERHEAD_BYTES = 6_000;
const CHUNK_BYTES_MAX = EVENT_BYTES_MAX - CHUNK_OVERHEAD_BYTES;

export interface Chunked {
  readonly chunks: number;
  readonly effects: number;
  /** `effectsDigest` of all chunks, lower-case hex. */
  readonly digest: string;
}

/**
 * Splits effects into chunks that fit an event and awaits `send` for each: at most one chunk is in memory here.
 * @throws EventError `too_large` for an effect larger than a chunk; passes on errors of `effects` and `send`.
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
        `The effect on ${effect.resource} is too large: expected at most ${CHUNK_BYTES_MAX} bytes, got ${size}.`,
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
