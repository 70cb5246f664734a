import { BUCKET_ENV, bucketOf, KEPT_OF_LOG_MAX, s3Checkpoints } from '@recant/anchors';
import { ConfigError, readConfig } from '@recant/service';
import type { SavedCheckpoint } from '@recant/verifier';
import { z } from 'zod';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { printable } from '../../terminal/output.ts';
import type { World } from '../../terminal/session.ts';

/** Where an anchor writes unless told otherwise. */
const PREFIX = 'recant/';

/** Checkpoints in a bucket, `s3://bucket/prefix`, reached as RECANT_ANCHOR_S3_* say. */
export async function* keptInBucket(place: string, { env, err, nowMs }: World): AsyncGenerator<SavedCheckpoint> {
  const [, bucket, path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(place) ?? [];
  if (bucket === undefined)
    throw new CliError(EXIT.usage, `${JSON.stringify(place)} is not the address of a bucket`, 'Write it like s3://kept-by-others/recant/.');
  const prefix = path === '' ? PREFIX : path.endsWith('/') ? path : `${path}/`;
  const onCut = (log: string): void =>
    void err.write(
      `Of ${printable(log)} only the newest ${KEPT_OF_LOG_MAX} checkpoints are read: copy older ones into a folder, and give that too.\n`,
    );
  yield* s3Checkpoints({ ...optionsOf(bucket, env, nowMs), prefix, onCut });
}

function optionsOf(bucket: string, env: World['env'], nowMs: () => number): ReturnType<typeof bucketOf> {
  try {
    return bucketOf(readConfig(z.object(BUCKET_ENV), env), bucket, nowMs);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(EXIT.usage, cause.problems.join('; '), 'libs/anchors/README.md lists what says how a bucket is reached.', { cause });
  }
}
