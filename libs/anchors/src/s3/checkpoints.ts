import { AnchorError } from '@recant/ledger';
import type { SavedNote } from '../saved-note.ts';
import type { S3AnchorOptions } from './anchor.ts';
import { type Bucket, type Listed, openBucket } from './bucket.ts';
import { endOf, placeIn } from './key.ts';

/** Checkpoints read per log: 14 hours of a log anchored every 5 seconds. */
export const KEPT_OF_LOG_MAX = 10_000;
/** Names per list request: S3's maximum. */
const PAGE_NAMES_MAX = 1_000;
/** Concurrent reads. */
const READS_MAX = 8;

export interface S3CheckpointsOptions extends S3AnchorOptions {
  readonly ofLogMax?: number;
  readonly pageMax?: number;
  /** Called for each log with more checkpoints than are read. @param place key prefix of the log */
  readonly onCut?: (place: string) => void;
}

/**
 * Every checkpoint under the prefix, log by log, newest first. Skips other objects.
 * @throws AnchorError `anchor_unavailable`
 */
export async function* s3Checkpoints(options: S3CheckpointsOptions): AsyncGenerator<SavedNote> {
  const bucket = openBucket(options);
  const read = async ({ key, modifiedMs }: Listed): Promise<SavedNote> => {
    const name = `s3://${options.bucket}/${key}`;
    const note = await bucket.read(key);
    if (note === undefined) throw new AnchorError('anchor_unavailable', `${name} disappeared while reading: try again.`);
    return { name, note, ...(modifiedMs === undefined ? {} : { savedAtMs: modifiedMs }) };
  };
  for await (const found of checkpointsOf(bucket, options))
    for (let at = 0; at < found.length; at += READS_MAX) yield* await Promise.all(found.slice(at, at + READS_MAX).map(read));
}

/** Pages of checkpoint names. After `ofLogMax` names of one log it continues with the next log. */
async function* checkpointsOf(bucket: Bucket, options: S3CheckpointsOptions): AsyncGenerator<readonly Listed[]> {
  const { prefix = 'recant/', ofLogMax = KEPT_OF_LOG_MAX, pageMax = PAGE_NAMES_MAX, onCut = () => {} } = options;
  let after: string | undefined;
  let place: string | undefined;
  let ofLog = 0;
  for (;;) {
    const page = await bucket.list(prefix, pageMax, after);
    const found: Listed[] = [];
    const start = after;
    for (const listed of page) {
      const { key } = listed;
      if (after !== undefined && Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue;
      after = key;
      const within = placeIn(key);
      if (within === undefined) continue;
      ofLog = within === place ? ofLog + 1 : 1;
      place = within;
      if (ofLog <= ofLogMax) found.push(listed);
      else {
        onCut(place);
        after = endOf(place);
      }
    }
    yield found;
    if (page.length < pageMax) return;
    if (after === start)
      throw new AnchorError('anchor_unavailable', `Bucket ${options.bucket} returned the same list page twice: not an S3 bucket.`);
  }
}
