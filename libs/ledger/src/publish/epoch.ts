import { canonicalize, type JsonObject } from '@recant/events';

/** What a person says when a log does not go on from where it was last anchored. Stands in the log as the first entry of the new epoch. */
export interface EpochStatement {
  readonly tenant: string;
  readonly shard: number;
  readonly shards: number;
  /** The new one. */
  readonly epoch: number;
  /** Index of this entry: all entries before it are part of the new tree too. */
  readonly start: number;
  /** Root of the entries before this one, lower-case hex. */
  readonly root: string;
  /** The last checkpoint of an earlier epoch that an anchor keeps, or that was signed; absent where there is none. */
  readonly previous?: { readonly origin: string; readonly size: number /** Lower-case hex. */; readonly root: string };
  /** Why, in the person's words. */
  readonly reason: string;
}

/** Body of an entry of kind `epoch`: canonical JSON. */
export function epochBody(statement: EpochStatement): Uint8Array {
  const { tenant, shard, shards, epoch, start, root, previous, reason } = statement;
  return Buffer.from(
    canonicalize({
      tenant,
      shard,
      shards,
      epoch,
      start,
      root,
      reason,
      ...(previous && { previous: { ...previous } }),
    } satisfies JsonObject),
  );
}
