import { BUCKET_ENV, bucketOf, KEPT_OF_LOG_MAX, s3Checkpoints } from '@recant/anchors';
import { ConfigError, readConfig } from '@recant/service';
import type { SavedCheckpoint } from '@recant/verifier';
import { z } from 'zod';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { printable } from '../../terminal/output.ts';
import type { World } from '../../terminal/session.ts';

/** Default prefix of an anchor. */
const PREFIX = 'recant/';

/** Checkpoints in a bucket, `s3://bucket/prefix`, with the access of RECANT_ANCHOR_S3_*. */
export async function* savedInBucket(place: string, { env, err, nowMs }: World): AsyncGenerator<SavedCheckpoint> {
  const [, bucket, path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(place) ?? [];
  if (bucket === undefined)
    throw new CliError(
      EXIT.usage,
      `Invalid bucket address ${JSON.stringify(place)}`,
      'Expected an address such as s3://audit-bucket/recant/.',
    );
  const prefix = path === '' ? PREFIX : path.endsWith('/') ? path : `${path}/`;
  const onCut = (log: string): void =>
    void err.write(
      `Only the newest ${KEPT_OF_LOG_MAX} checkpoints of ${printable(log)} are read. Copy older ones into a folder, and pass that too.\n`,
    );
  yield* s3Checkpoints({ ...optionsOf(bucket, env, nowMs), prefix, onCut });
}

function optionsOf(bucket: string, env: World['env'], nowMs: () => number): ReturnType<typeof bucketOf> {
  try {
    return bucketOf(readConfig(z.object(BUCKET_ENV), env), bucket, nowMs);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(EXIT.usage, cause.problems.join('; '), 'libs/anchors/README.md lists the variables of a bucket.', { cause });
  }
}
