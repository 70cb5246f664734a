import { AnchorError } from '@recant/ledger';
import { ANCHORS_MAX, type SavedCheckpoint } from '@recant/verifier';
import { CliError, EXIT } from '../../terminal/exit.ts';
import type { World } from '../../terminal/session.ts';
import { keptByWitness } from './by-witness.ts';
import { keptInBucket } from './in-bucket.ts';
import { keptInFolder } from './in-folder.ts';
import type { Origins } from './origins.ts';

/** Checkpoints that somebody kept: in folders or files, in buckets, by witnesses. Believed no further than the keys that they are verified under. */
export async function readKept(
  places: readonly string[],
  origins: Origins,
  world: World,
  tell: (read: number) => void,
): Promise<readonly SavedCheckpoint[]> {
  const kept: SavedCheckpoint[] = [];
  for (const place of places) {
    try {
      for await (const each of keptAt(place, origins, world)) {
        world.signal.throwIfAborted();
        if (kept.length === ANCHORS_MAX)
          throw new CliError(
            EXIT.usage,
            `${place} holds more than ${ANCHORS_MAX} checkpoints`,
            'Give a place within it: of one tenant, or of one log.',
          );
        kept.push(each);
        tell(kept.length);
      }
    } catch (cause) {
      if (!(cause instanceof AnchorError)) throw cause;
      throw new CliError(EXIT.unreachable, cause.message, 'Nothing was verified: without what was kept elsewhere less would be known.', {
        cause,
      });
    }
  }
  return kept;
}

function keptAt(place: string, origins: Origins, world: World): AsyncIterable<SavedCheckpoint> {
  if (place.startsWith('s3://')) return keptInBucket(place, world);
  if (/^https?:\/\//.test(place)) return keptByWitness(place, origins);
  return keptInFolder(place);
}
