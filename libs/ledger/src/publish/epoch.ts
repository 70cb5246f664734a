import { canonicalize, type JsonObject } from '@recant/events';

/** A person's statement that a log restarts before its last anchored size. The first entry of the new epoch. */
export interface EpochStatement {
  readonly tenant: string;
  readonly shard: number;
  readonly shards: number;
  /** The new epoch. */
  readonly epoch: number;
  /** Index of this entry: all entries before it are part of the new tree too. */
  readonly start: number;
  /** Root of the entries before this one, lower-case hex. */
  readonly root: string;
  /** The last anchored or signed checkpoint of an earlier epoch; absent where there is none. */
  readonly previous?: { readonly origin: string; readonly size: number /** Lower-case hex. */; readonly root: string };
  /** The person's reason, as free text. */
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
