import { createHash, hash } from 'node:crypto';
import { canonicalize } from './canonical.ts';
import { SHARDS_MAX } from './limits.ts';
import type { Effect } from './types.ts';

/** Lower-case hex SHA-256 over the concatenated SHA-256 of the canonical JSON of each chunk's `effects`. */
export function effectsDigest(chunks: Iterable<readonly Effect[]>): string {
  const digest = createEffectsDigest();
  for (const chunk of chunks) digest.add(chunk);
  return digest.hex();
}

/** What one chunk adds to `effectsDigest`: 32 characters of Latin-1. */
export function chunkDigest(effects: readonly Effect[]): string {
  return hash('sha256', canonicalize(effects as never), 'binary');
}

export interface EffectsDigest {
  add(effects: readonly Effect[]): void;
  /** A chunk as its canonical JSON. */
  addText(text: string): void;
  /** A chunk as its `chunkDigest`. */
  addDigest(digest: string): void;
  hex(): string;
}

/** Computes `effectsDigest` incrementally, chunk by chunk, or from their digests. `hex` can be called once, at the end. */
export function createEffectsDigest(): EffectsDigest {
  const outer = createHash('sha256');
  return {
    add(effects) {
      outer.update(chunkDigest(effects), 'latin1');
    },
    addText(text) {
      outer.update(hash('sha256', text, 'binary'), 'latin1');
    },
    addDigest(digest) {
      outer.update(digest, 'latin1');
    },
    hex: () => outer.digest('hex'),
  };
}

/** Lower-case hex SHA-256 of salt ‖ bytes: the digest of a part. */
export function partDigest(salt: Uint8Array, bytes: Uint8Array): string {
  return createHash('sha256').update(salt).update(bytes).digest('hex');
}

/** Home shard of a source: first 8 bytes, big-endian, of SHA-256(UTF-8 of canonical `[tenant, source]`) modulo the number of shards. */
export function shardOf(tenant: string, source: string, shards: number): number {
  if (!Number.isInteger(shards) || shards < 1 || shards > SHARDS_MAX)
    throw new RangeError(`expected 1 to ${SHARDS_MAX} shards, got ${shards}`);
  const digest = Buffer.from(hash('sha256', canonicalize([tenant, source]), 'binary'), 'latin1');
  // Horner's rule keeps every intermediate result below 2^53.
  return ((digest.readUInt32BE(0) % shards) * (2 ** 32 % shards) + digest.readUInt32BE(4)) % shards;
}
