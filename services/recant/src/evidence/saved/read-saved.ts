import { AnchorError } from '@recant/ledger';
import { ANCHORS_MAX, type SavedCheckpoint } from '@recant/verifier';
import { CliError, EXIT } from '../../terminal/exit.ts';
import type { World } from '../../terminal/session.ts';
import { savedByWitness } from './by-witness.ts';
import { savedInBucket } from './in-bucket.ts';
import { savedInFolder } from './in-folder.ts';
import type { Origins } from './origins.ts';

/** Checkpoints saved in folders, files, buckets or by witnesses. Not trusted by themselves: the verifier checks their signatures. */
export async function readSaved(
  places: readonly string[],
  origins: Origins,
  world: World,
  progress: (read: number) => void,
): Promise<readonly SavedCheckpoint[]> {
  const saved: SavedCheckpoint[] = [];
  for (const place of places) {
    try {
      for await (const each of savedAt(place, origins, world)) {
        world.signal.throwIfAborted();
        if (saved.length === ANCHORS_MAX)
          throw new CliError(
            EXIT.usage,
            `${place} has more than ${ANCHORS_MAX} checkpoints`,
            'Pass a place within it: of one tenant, or of one log.',
          );
        saved.push(each);
        progress(saved.length);
      }
    } catch (cause) {
      if (!(cause instanceof AnchorError)) throw cause;
      throw new CliError(EXIT.unreachable, cause.message, 'Nothing was verified: verifying without these checkpoints would prove less.', {
        cause,
      });
    }
  }
  return saved;
}

function savedAt(place: string, origins: Origins, world: World): AsyncIterable<SavedCheckpoint> {
  if (place.startsWith('s3://')) return savedInBucket(place, world);
  if (/^https?:\/\//.test(place)) return savedByWitness(place, origins);
  return savedInFolder(place);
}
