import { type Anchor, AnchorError } from '@recant/ledger';
import { parseCheckpoint, parseNote, type TreeHead } from '@recant/transparency';
import { type BucketOptions, openBucket } from './bucket.ts';
import { isKeyOf, keyOf, placeOf } from './key.ts';

export interface S3AnchorOptions extends BucketOptions {
  /** Prefix of every object name; default `recant/`. */
  readonly prefix?: string;
}

/** Names listed to find the newest checkpoint among foreign objects. */
const LISTED_MAX = 10;

/**
 * Stores each checkpoint as an object of an S3-compatible bucket, never overwritten if the store supports `If-None-Match`.
 * Requires strong consistency, as S3 has since 2020: a list after `put` includes the object.
 */
export function s3Anchor(options: S3AnchorOptions): Anchor {
  const name = `s3:${options.bucket}`;
  const bucket = openBucket(options);
  const prefix = options.prefix ?? 'recant/';
  return {
    name,
    async put({ origin, size, note }) {
      const key = keyOf(placeOf(prefix, origin), size);
      const made = await bucket.create(key, note);
      if (made === 'created') return;
      const existing = await bucket.read(key);
      if (existing === undefined) {
        if (made === 'unconditional') return bucket.overwrite(key, note);
        throw new AnchorError('anchor_unavailable', `${name}: ${key} disappeared between two requests; will be retried.`);
      }
      requireSame(name, key, headIn(name, key, existing), headIn(name, key, note));
    },
    async latest(origin) {
      const place = placeOf(prefix, origin);
      const listed = await bucket.list(place, LISTED_MAX);
      const key = listed.find((each) => isKeyOf(place, each.key))?.key;
      if (key === undefined && listed.length === 0) return undefined;
      const note = key === undefined ? undefined : await bucket.read(key);
      if (note === undefined)
        throw new AnchorError('anchor_unavailable', `${name}: objects under ${place} are not checkpoints: remove them.`);
      return note;
    },
  };
}

function headIn(name: string, key: string, note: Uint8Array): TreeHead {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new AnchorError('anchor_unavailable', `${name}: ${key} is not a checkpoint: restore or remove it.`, { cause });
  }
}

function requireSame(name: string, key: string, existing: TreeHead, given: TreeHead): void {
  if (existing.size === given.size && Buffer.compare(existing.root, given.root) === 0) return;
  const why = `${name} contains another tree of ${given.size} entries at ${key}: the log, or the bucket, was changed after anchoring.`;
  throw new AnchorError('anchor_conflict', why);
}
