import { type Anchor, AnchorError } from '@recant/ledger';
import { parseCheckpoint, parseNote, type TreeHead } from '@recant/transparency';
import { type BucketOptions, openBucket } from './bucket.ts';
import { isKeyOf, keyOf, placeOf } from './key.ts';

export interface S3AnchorOptions extends BucketOptions {
  /** In front of every name; `recant/` where none is said. */
  readonly prefix?: string;
}

/** Names looked at for the newest: what else lies there must not hide it. */
const LISTED_MAX = 10;

/**
 * Checkpoints as objects of an S3-compatible bucket, one an object, never overwritten where the store knows `If-None-Match`.
 * What is listed right after a `put` holds it (S3 is strongly consistent since 2020; so must a store that stands in for it be).
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
      const standing = await bucket.read(key);
      if (standing === undefined) {
        if (made === 'unconditional') return bucket.overwrite(key, note);
        throw new AnchorError('anchor_unavailable', `${name}: ${key} was there and is not any more: it is tried again.`);
      }
      requireSame(name, key, headIn(name, key, standing), headIn(name, key, note));
    },
    async latest(origin) {
      const place = placeOf(prefix, origin);
      const listed = await bucket.list(place, LISTED_MAX);
      const key = listed.find((each) => isKeyOf(place, each.key))?.key;
      if (key === undefined && listed.length === 0) return undefined;
      const note = key === undefined ? undefined : await bucket.read(key);
      if (note === undefined) throw new AnchorError('anchor_unavailable', `${name}: ${place} holds what is no checkpoint: take it away.`);
      return note;
    },
  };
}

function headIn(name: string, key: string, note: Uint8Array): TreeHead {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new AnchorError('anchor_unavailable', `${name}: ${key} is no checkpoint: put back what was there, or take it away.`, { cause });
  }
}

function requireSame(name: string, key: string, standing: TreeHead, given: TreeHead): void {
  if (standing.size === given.size && Buffer.compare(standing.root, given.root) === 0) return;
  const why = `${name} keeps another tree of ${given.size} entries at ${key}: history was changed after it was anchored, or the bucket was.`;
  throw new AnchorError('anchor_conflict', why);
}
